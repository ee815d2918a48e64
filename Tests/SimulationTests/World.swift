import Events
import TestSupport

/// Simulated time, chance and what is still to come: everything that a run depends on follows from its seed.
///
/// One queue holds all that will happen, ordered by time and then by the order in which it was asked for; one
/// generator gives all chance. No thread, no clock of the machine, and nothing that walks a dictionary.
final class World {
  /// Where simulated time begins: noon, UTC, of 17 June 2025.
  static let start = Timestamp(nanoseconds: 1_750_161_600_000_000_000)

  let seed: UInt64
  private(set) var now = World.start
  private var random: SeededGenerator
  private var queue = EventQueue()
  /// What checkers found, in order.
  private(set) var violations: [Violation] = []
  /// Whether anything may still fail; afterwards all drains.
  private(set) var areFaultsOn = true

  init(seed: UInt64) {
    self.seed = seed
    random = SeededGenerator(seed: seed)
  }

  // MARK: Chance

  /// A number from 0 to `bound` less 1.
  func pick(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(random.next() % UInt64(bound)) }

  func pick(_ range: ClosedRange<Int>) -> Int { range.lowerBound + pick(range.count) }

  /// True so many times in a thousand.
  func chance(_ perMille: Int) -> Bool { pick(1_000) < perMille }

  /// True so many times in a thousand while faults are on, and never afterwards.
  func fault(_ perMille: Int) -> Bool { areFaultsOn && chance(perMille) }

  /// Evenly from 0 to 1.
  func fraction() -> Double { Double(random.next() >> 11) * 0x1p-53 }

  // MARK: Time

  var elapsed: Duration { Self.start.duration(to: now) }

  func after(milliseconds: Int, _ body: @escaping () -> Void) {
    after(.milliseconds(milliseconds), body)
  }

  func after(_ delay: Duration, _ body: @escaping () -> Void) { at(now.advanced(by: delay), body) }

  func at(_ time: Timestamp, _ body: @escaping () -> Void) { queue.push(max(now, time), body) }

  /// Lets everything happen that is due by `end`, unless a checker finds something.
  func run(until end: Timestamp) {
    while violations.isEmpty, let time = queue.firstTime, time <= end {
      now = time
      queue.pop()()
    }
    if violations.isEmpty { now = max(now, end) }
  }

  func stopFaults() { areFaultsOn = false }

  // MARK: Findings

  func violate(_ checker: Checker, _ detail: String) {
    violations.append(Violation(checker: checker, at: elapsed, detail: detail))
  }

  func require(_ isSo: Bool, _ checker: Checker, _ detail: @autoclosure () -> String) {
    if !isSo { violate(checker, detail()) }
  }
}

/// What is checked; each in a file of its own under `Checkers`.
enum Checker: String, CaseIterable {
  case noDecisionLost = "NoDecisionLost"
  case noDecisionDoubled = "NoDecisionDoubled"
  case publishedIsStored = "PublishedIsStored"
  case replayEqualsLive = "ReplayEqualsLive"
  case accountExact = "AccountExact"
  case acknowledgedIsDurable = "AcknowledgedIsDurable"
  case memoryBounded = "MemoryBounded"
  case everyAlertResolves = "EveryAlertResolves"
}

/// What a checker found.
struct Violation: CustomStringConvertible {
  var checker: Checker
  /// Since the start, in simulated time.
  var at: Duration
  var detail: String

  var description: String { "\(checker.rawValue) at \(at.secondsValue) s: \(detail)" }
}

/// A binary heap of what is to happen, earliest first; of one time, in the order in which it came.
private struct EventQueue {
  private struct Entry {
    var time: Timestamp
    var order: UInt64
    var body: () -> Void

    func precedes(_ other: Entry) -> Bool {
      time == other.time ? order < other.order : time < other.time
    }
  }

  private var heap: [Entry] = []
  private var pushed: UInt64 = 0

  var firstTime: Timestamp? { heap.first?.time }

  mutating func push(_ time: Timestamp, _ body: @escaping () -> Void) {
    pushed += 1
    heap.append(Entry(time: time, order: pushed, body: body))
    var place = heap.count - 1
    while place > 0, heap[place].precedes(heap[(place - 1) / 2]) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  /// - Precondition: there is one.
  mutating func pop() -> () -> Void {
    heap.swapAt(0, heap.count - 1)
    let first = heap.removeLast()
    var place = 0
    while true {
      var least = place
      for child in 2 * place + 1...2 * place + 2
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      guard least != place else { return first.body }
      heap.swapAt(place, least)
      place = least
    }
  }
}
