/// "A resuming reader" of the specification, for one source: hands over each message once, from a cursor on.
struct ResumingReader {
  struct Cursor: Equatable {
    var epoch: UInt64
    /// Below it nothing is left to hand over.
    var next: UInt64
  }

  struct Held {
    var number: UInt64
    var epoch: UInt64
    var previous: UInt64
    var message: Message
  }

  enum Given {
    case message(UInt64, Message)
    /// Why, and which numbers it may be.
    case gap(String, Range<UInt64>)
  }

  static let maximumHeld = 10_000

  /// Whether it takes all topics.
  let isExact: Bool
  /// Nil before anything was heard.
  private(set) var cursor: Cursor?
  /// The fetch that is due, until its end came.
  private(set) var ask: Cursor?
  private var heard: UInt64 = 0
  private var held: [Held] = []
  /// Handed over, but not below the cursor yet.
  private var ahead: Set<UInt64> = []

  init(isExact: Bool, cursor: Cursor?) {
    self.isExact = isExact
    self.cursor = cursor
    ask = cursor
  }

  mutating func head(_ epoch: UInt64, _ number: UInt64) {
    let cursor = self.cursor ?? Cursor(epoch: epoch, next: number + 1)
    self.cursor = cursor
    if epoch != cursor.epoch || number < heard || number >= cursor.next { ask = ask ?? cursor }
    heard = number
  }

  /// A live message.
  mutating func take(_ live: Held) -> [Given] {
    var cursor = self.cursor ?? Cursor(epoch: live.epoch, next: live.number)
    defer { self.cursor = cursor }
    heard = live.number
    if ask == nil, live.epoch == cursor.epoch {
      if live.number < cursor.next || ahead.contains(live.number) { return [] }
      let follows = live.previous < cursor.next || ahead.contains(live.previous)
      if live.number == cursor.next || !isExact && follows {
        ahead.insert(live.number)
        while ahead.remove(cursor.next) != nil { cursor.next += 1 }
        return [.message(live.number, live.message)]
      }
    }
    ask = ask ?? cursor
    if held.count < Self.maximumHeld { held.append(live) }
    return []
  }

  /// A message of the answer.
  mutating func fetched(_ number: UInt64, _ message: Message) -> [Given] {
    guard let cursor, ask != nil, number >= cursor.next else { return [] }
    self.cursor?.next = number + 1
    return ahead.contains(number) ? [] : [.message(number, message)]
  }

  /// The end of the answer.
  mutating func end(_ status: String, _ epoch: UInt64, next following: UInt64) -> [Given] {
    guard let cursor, status != "busy", status != "malformed" else { return [] }
    var given: [Given] = []
    var following = following
    if epoch != cursor.epoch {
      given.append(.gap("epoch", 0..<0))
    } else if following < cursor.next && status == "complete" {
      given.append(.gap("restored", 0..<0))
    } else if following > cursor.next && status == "truncated" {
      given.append(.gap("truncated", cursor.next..<following))
    } else if status == "more" {
      following = max(following, cursor.next)
    }
    let isDone = status == "complete"
    let next = Cursor(epoch: epoch, next: following)
    self.cursor = next
    ask = isDone ? nil : next
    if !given.isEmpty || isDone { ahead = [] }
    guard isDone else { return given }
    let waiting = held
    held = []
    for live in waiting { given += take(live) }
    return given
  }
}
