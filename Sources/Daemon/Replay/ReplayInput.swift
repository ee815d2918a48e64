import Engine
import Events
import Foundation
import Wire

/// What is replayed: lines of CloudEvents, or a recording, told apart by its first bytes.
struct ReplayInput: ~Copyable {
  /// One step of the input; bytes and frames are valid until the next.
  enum Step {
    case line(UnsafeRawBufferPointer)
    /// A line longer than any message may be.
    case longLine
    case message(Frames, RecordingFormat.Lane, at: Timestamp)
    /// A message of so many frames, more than are taken.
    case tooManyFrames(UInt64, at: Timestamp)
    /// The daemon's engine was told this time, without a message.
    case clock(Timestamp)
    /// The daemon's configuration was another from here on.
    case reload(EngineSettings, at: Timestamp)
    /// What no engine is asked: an empty line.
    case passedOver
    case end

    /// Whether it is an event, or was to be one.
    var isEvent: Bool {
      switch self {
      case .line, .longLine, .message, .tooManyFrames: true
      case .clock, .reload, .passedOver, .end: false
      }
    }
  }

  /// Where a step stands, as in `line 7`.
  struct Position: CustomStringConvertible {
    var word: StaticString
    var number: Int
    var description: String { "\(word) \(number)" }
  }

  /// Why there is no more to read, for people, and the status that follows.
  struct Failure: Error {
    var words: String
    var status: ExitStatus
    /// Whether what was read before it is a whole by itself, and the replay's outcome holds.
    var isTornTail = false

    /// The exit status of a replay that ends so.
    func status(_ isStrict: Bool) -> ExitStatus { isTornTail && isStrict ? .data : status }
  }

  private let path: String
  private let file: OpenFile
  private let isLines: Bool
  /// Whether a reload that was recorded is one here; else the configuration of the replay holds throughout.
  var followsReloads = true
  private var lines: LineReader?
  private var recording: RecordingReader?
  /// Lines, or messages, so far.
  private(set) var count = 0

  /// - Parameters:
  ///   - path: `-` is standard input.
  ///   - lineBytes: longer lines are passed over.
  init(_ path: String, lineBytes: Int) throws(Failure) {
    let file = try OpenFile(path)
    let prefix = try Self.prefix(of: file.descriptor, path)
    let isLines = prefix != RecordingFormat.magic
    recording = try Self.recording(isLines ? nil : file, startingWith: prefix, path)
    lines =
      isLines ? LineReader(descriptor: file.descriptor, maximumBytes: lineBytes, startingWith: prefix) : nil
    self.isLines = isLines
    self.file = file
    self.path = path
  }

  /// Closed with its last user, unless it is standard input.
  private final class OpenFile {
    let descriptor: Int32
    /// 0 for what has none.
    let size: Int

    init(_ path: String) throws(Failure) {
      descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw Failure(errno, path, .noInput) }
      var status = stat()
      size = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    deinit { if descriptor > 0 { close(descriptor) } }
  }

  private static func recording(
    _ file: OpenFile?, startingWith prefix: [UInt8], _ path: String
  ) throws(Failure) -> RecordingReader? {
    guard let file else { return nil }
    do throws(RecordingProblem) {
      return try RecordingReader(descriptor: file.descriptor, startingWith: prefix)
    } catch { throw Failure(error, path) }
  }

  /// The first bytes, as many as a recording's magic has, or all there are.
  private static func prefix(of descriptor: Int32, _ path: String) throws(Failure) -> [UInt8] {
    var prefix: [UInt8] = []
    while prefix.count < RecordingFormat.magic.count {
      var rest = [UInt8](repeating: 0, count: RecordingFormat.magic.count - prefix.count)
      let count = read(descriptor, &rest, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Failure(errno, path, errno == EISDIR ? .noInput : .system) }
      if count == 0 { break }
      prefix += rest[..<count]
    }
    return prefix
  }

  /// Whether arrivals are those of the day, and not made from event times.
  var hasArrivals: Bool { !isLines }

  /// What ``count`` counts.
  var unit: String { isLines ? "lines" : "messages" }

  private var position: Position { Position(word: isLines ? "line" : "message", number: count) }

  /// How much of the file is read, in percent; nil for what has no size.
  private var share: Int? {
    guard file.size > 0 else { return nil }
    let consumed =
      switch recording {
      case .some(let reader): reader.consumed
      case .none: consumedLines
      }
    return min(100, consumed * 100 / file.size)
  }

  private var consumedLines: Int {
    switch lines {
    case .some(let reader): reader.consumed
    case .none: 0
    }
  }

  /// What a person should know of a recording, at its end; nil when it is whole.
  private var shortcoming: String? {
    var words: [String] = []
    switch recording {
    case .some(let reader):
      if reader.lost > 0 { words.append("lacks \(reader.lost) messages that the disk did not take") }
      if !reader.isClosed { words.append("was not closed by its daemon") }
    case .none: break
    }
    return words.isEmpty ? nil : "\(path) \(words.joined(separator: ", and "))"
  }

  /// Hands over every step, with its place, and shows how far it is.
  ///
  /// - Parameters:
  ///   - body: what it throws is of standard output.
  ///   - finally: called at the end, and where the input cannot be read further.
  /// - Returns: why a recording could not be read to its end, which has been said.
  mutating func forEachStep(
    named name: String, on terminal: Terminal, _ body: (Step, Position) throws(POSIXError) -> Void,
    finally: () throws(POSIXError) -> Void
  ) throws(Failure) -> Failure? {
    var failure: Failure?
    do throws(POSIXError) {
      while true {
        var step = Step.end
        do throws(Failure) { step = try next() } catch { failure = error }
        if case .end = step { break }
        if count % 4_096 == 0 {
          terminal.progress("\(name)\(share.map { " \($0) %" } ?? "") \(count) \(unit)")
        }
        try body(step, position)
      }
      try finally()
    } catch {
      throw Failure(error.code.rawValue, path, .system)
    }
    terminal.clearProgress()
    if let failure {
      guard failure.status == .success || failure.status == .data else { throw failure }
      terminal.print(failure.words)
    } else if let shortcoming {
      terminal.print("tidemark: \(shortcoming)")
    }
    return failure
  }

  private mutating func next() throws(Failure) -> Step {
    if isLines { return try nextLine() }
    let item: RecordingReader.Item
    do throws(RecordingProblem) { item = try recording!.nextItem() } catch { throw Failure(error, path) }
    switch item {
    case .end: return .end
    case .clock(let time): return .clock(time)
    case .reload(let time):
      return followsReloads ? .reload(try ReplayedReload(frames).settings(), at: time) : .clock(time)
    case .message(let lane, let time):
      count += 1
      return .message(frames, lane, at: time)
    case .tooManyFrames(let frames, let lane, let time):
      count += 1
      return lane == .control ? .passedOver : .tooManyFrames(frames, at: time)
    }
  }

  private var frames: Frames {
    switch recording {
    case .some(let reader): reader.frames
    case .none: Frames(start: nil, count: 0)
    }
  }

  private mutating func nextLine() throws(Failure) -> Step {
    do throws(POSIXError) {
      switch try lines!.next() {
      case .end: return .end
      case .tooLong:
        count += 1
        return .longLine
      case .line:
        count += 1
        let bytes = lineBytes
        // An empty line is no event and no mistake.
        let isEmpty = !bytes.contains { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }
        return isEmpty ? .passedOver : .line(bytes)
      }
    } catch {
      throw Failure(error.code.rawValue, path, error.code == .EISDIR ? .noInput : .system)
    }
  }

  private var lineBytes: UnsafeRawBufferPointer {
    switch lines {
    case .some(let reader): reader.bytes
    case .none: UnsafeRawBufferPointer(start: nil, count: 0)
    }
  }
}

extension ReplayInput.Failure {
  fileprivate init(_ code: Int32, _ path: String, _ status: ExitStatus) {
    self.init(words: "tidemark: \(path): \(String(cString: systemText(code)))", status: status)
  }

  fileprivate init(_ problem: RecordingProblem, _ path: String) {
    switch problem {
    case .system(let code): self.init(code, path, .system)
    case .torn: self.init(words: "tidemark: \(path) \(problem)", status: .success, isTornTail: true)
    default: self.init(words: "tidemark: \(path) \(problem)", status: .data)
    }
  }
}
