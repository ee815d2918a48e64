import Events
import TestSupport
import Testing

@testable import Engine

@Suite struct DeadlineQueueTests {
  /// Against a list that is sorted each time; deadlines that moved away are asked for, as the engine does.
  @Test(arguments: [UInt64(1), 2, 3]) func agreesWithSorting(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var queue = DeadlineQueue()
    var deadlines: [Timestamp] = []
    #expect(queue.first == nil)
    for step in 0..<3_000 {
      let deadline = Timestamp(nanoseconds: Int64.random(in: 0...50, using: &random))
      if deadlines.isEmpty || Int.random(in: 0..<8, using: &random) == 0 {
        queue.append(deadline)
        deadlines.append(deadline)
      } else {
        let model = Int.random(in: 0..<deadlines.count, using: &random)
        queue.update(model, to: deadline)
        deadlines[model] = deadline
      }
      let least = deadlines.enumerated().min { ($0.element, $0.offset) < ($1.element, $1.offset) }!
      while let first = queue.first, first.deadline != deadlines[first.model] {
        #expect(first.deadline < deadlines[first.model], "step \(step): never later than the truth")
        queue.settle(first.model, at: deadlines[first.model])
      }
      #expect(queue.first?.deadline == least.element && queue.first?.model == least.offset, "step \(step)")
    }
  }
}
