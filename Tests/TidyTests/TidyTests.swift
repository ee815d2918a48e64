import Foundation
import Testing

/// The rules of the house, as tests: what CONTRIBUTING.md says in prose fails here.
@Suite struct TidyTests {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A source file: its path from the root, and its lines.
  struct Source: Sendable {
    let path: String
    let lines: [String]
  }

  static func sources(under folder: String, endings: Set<String>) throws -> [Source] {
    let base = root.appendingPathComponent(folder)
    guard let files = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else {
      return []
    }
    var sources: [Source] = []
    for case let file as URL in files
    where endings.contains(file.pathExtension) && !file.pathComponents.contains(".build") {
      let text = try String(contentsOf: file, encoding: .utf8)
      let path = String(file.path.dropFirst(root.path.count + 1))
      sources.append(Source(path: path, lines: text.components(separatedBy: "\n")))
    }
    return sources
  }

  static func swiftSources() throws -> [Source] {
    try sources(under: "Sources", endings: ["swift"]) + sources(under: "Tests", endings: ["swift"])
  }

  // MARK: Layout

  @Test func topLevelIsFixed() throws {
    let allowed: Set = [
      "Package.swift", "Package.resolved", "Sources", "Tests", "protocol", "deploy", "README.md", "LICENSE",
      "CONTRIBUTING.md", "CHANGELOG.md",
    ]
    let found = try FileManager.default.contentsOfDirectory(atPath: Self.root.path)
      .filter { !$0.hasPrefix(".") }
    #expect(Set(found).subtracting(allowed).isEmpty)
    #expect(allowed.subtracting(["Package.resolved"]).isSubset(of: found))
  }

  // MARK: Size and names

  @Test func noFileIsLongerThan500Lines() throws {
    let sources = try Self.swiftSources()
    #expect(sources.count > 40, "the search must find the sources")
    for source in sources {
      #expect(source.lines.count <= 500, "\(source.path) has \(source.lines.count) lines")
    }
  }

  @Test func noTypeHasANameThatSaysNothing() throws {
    let pattern = /\b(class|struct|enum|actor|protocol)\s+[A-Za-z]*(Manager|Helper|Utils?|Impl)\b/
    for source in try Self.swiftSources() {
      for (number, line) in source.lines.enumerated() where line.contains(pattern) {
        Issue.record("\(source.path):\(number + 1): \(line)")
      }
    }
  }

  @Test func noModuleBearsTheNameOfATypeInsideIt() throws {
    for source in try Self.sources(under: "Sources", endings: ["swift"]) {
      let module = String(source.path.split(separator: "/")[1])
      let pattern = try Regex("\\b(class|struct|enum|actor|protocol)\\s+\(module)\\b")
      // The executable's entry point is named after the command, in another case than its module.
      for (number, line) in source.lines.enumerated() where line.contains(pattern) {
        Issue.record("\(source.path):\(number + 1): \(line)")
      }
    }
  }

  // MARK: Constructs

  /// A construct that is banned, where, and what to write in its stead.
  static let bans: [(pattern: String, folder: String, instead: String)] = [
    (#"\btry\?\s+await|\bTask\.sleep|\busleep\(|\bsleep\("#, "Sources", "wait on a condition"),
    (
      #"\bTask\.sleep|\busleep\(|\bThread\.sleep|\bsleep\("#, "Tests",
      "wait on a condition; time is an argument"
    ),
    (#"fatalError\("#, "Sources", "a typed error, or a precondition for states only our code can make"),
    (#"\bas!\s|\btry!\s"#, "Sources", "handle the failure"),
    (#"\b(TODO|FIXME|XXX|HACK)\b"#, "Sources", "do it, or write it in the closing note"),
    (#"\b(TODO|FIXME|XXX|HACK)\b"#, "deploy", "do it, or write it in the closing note"),
    (#"\b(TODO|FIXME|XXX|HACK)\b"#, "protocol", "do it, or write it in the closing note"),
    (#"\bunsafeFlags\b"#, "Sources", "settings that others may depend on"),
    (#"bindMemory\("#, "Sources", "loadUnaligned: received frames are unaligned"),
    (#"ZMQ_HEARTBEAT_(IVL|TTL|TIMEOUT)"#, "Sources", "TCP keep-alive: heartbeats abort a full receiver"),
    (#"ZMQ_CONFLATE,"#, "Sources", "nothing: it keeps one frame of a multipart message"),
  ]

  @Test(arguments: bans.indices) func bannedConstructsAreAbsent(index: Int) throws {
    let ban = Self.bans[index]
    let pattern = try Regex(ban.pattern)
    let endings: Set = ["swift", "c", "h", "py", "sh", "md", "yaml"]
    for source in try Self.sources(under: ban.folder, endings: endings)
    where !source.path.hasPrefix("Tests/TidyTests") {
      for (number, line) in source.lines.enumerated() where line.contains(pattern) {
        // The show of the demonstration has a pace; nothing is waited for there.
        if line.contains("the pace of the show") { continue }
        Issue.record(
          "\(source.path):\(number + 1): \(line.trimmingCharacters(in: .whitespaces)); want \(ban.instead)")
      }
    }
  }

  // MARK: Dependencies

  /// What each room may import beyond the standard library; the table of the house.
  static let mayImport: [String: Set<String>] = [
    "ZeroMQ": ["CZeroMQ", "Synchronization"],
    "Events": [],
    "Wire": ["Events", "Crypto"],
    "Statistics": ["CKernels"],
    "Detection": ["Statistics"],
    "Monitoring": ["Events", "Detection", "Statistics"],
    "Decisions": ["Events"],
    "Engine": ["Events", "Monitoring", "Decisions"],
    "Journal": ["Events", "GRDB", "Foundation"],
    "Sinks": ["CCurl", "Events", "Wire", "Crypto", "Logging", "Foundation", "Synchronization"],
    "Admin": [
      "Events", "Wire", "HummingbirdCore", "NIOCore", "NIOPosix", "NIOHTTPTypes", "HTTPTypes", "Logging",
      "Foundation", "Synchronization",
    ],
    "Daemon": [
      "Admin", "ZeroMQ", "Events", "Wire", "Detection", "Monitoring", "Decisions", "Engine", "Journal",
      "Sinks", "Yams", "Logging", "Foundation", "Synchronization",
    ],
    "Console": ["Events", "Wire", "Foundation", "Synchronization"],
    "tidemark": ["Console", "Daemon", "Events", "ArgumentParser", "Logging"],
  ]
  /// The C library, where a room may talk to the system itself.
  static let systemRooms: Set = ["ZeroMQ", "Wire"]

  @Test func roomsImportOnlyWhatTheTableAllows() throws {
    let pattern =
      /^\s*(?:public |package |internal |private |fileprivate |@\w+ )*import\s+(?:\w+\s+)?(\w+)$/
    var seen: Set<String> = []
    for source in try Self.sources(under: "Sources", endings: ["swift"]) {
      let room = String(source.path.split(separator: "/")[1])
      seen.insert(room)
      let allowed = try #require(Self.mayImport[room], "\(room) is a room the table does not know")
      for (number, line) in source.lines.enumerated() {
        guard let match = line.firstMatch(of: pattern) else { continue }
        let module = String(match.1)
        if Self.systemRooms.contains(room), ["Glibc", "Musl", "Darwin"].contains(module) { continue }
        #expect(allowed.contains(module), "\(source.path):\(number + 1): \(room) may not import \(module)")
      }
    }
    #expect(seen == Set(Self.mayImport.keys))
  }

  @Test func engineAndItsRoomsHaveNoClockNoRandomnessNoTasks() throws {
    let pattern =
      /\b(ContinuousClock|SuspendingClock|Date\(|\.now\(\)|clock_gettime|SystemRandomNumberGenerator|\.random\(|Task\s*\{|async\b|await\b)/
    for room in ["Events", "Detection", "Statistics", "Monitoring", "Decisions", "Engine", "Journal"] {
      for source in try Self.sources(under: "Sources/\(room)", endings: ["swift"]) {
        for (number, line) in source.lines.enumerated()
        where line.contains(pattern) && !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
          Issue.record("\(source.path):\(number + 1): \(line)")
        }
      }
    }
  }

  // MARK: The project speaks of itself alone

  @Test func noPathOfAMachine() throws {
    let endings: Set = ["swift", "c", "h", "py", "sh", "md", "yaml", "json", "toml"]
    let forbidden = ["/wo" + "rk/", "../sha" + "red", "/ro" + "ot/"]
    for folder in ["Sources", "Tests", "deploy", "protocol"] {
      for source in try Self.sources(under: folder, endings: endings) {
        for (number, line) in source.lines.enumerated() {
          for path in forbidden where line.contains(path) {
            Issue.record("\(source.path):\(number + 1) names \(path)")
          }
        }
      }
    }
  }
}
