import Statistics

/// One subject on streams of one kind.
struct Trial {
  let recipe: Recipe
  let scenario: Scenario
  let seed: UInt64
  let streams: Int
  /// ln A, ascending.
  let levels: [Double]

  /// A subject that knows its reference, and the stream from there on.
  private func begin(_ number: Int, level: Double, rows: UnsafeMutableBufferPointer<Double>) -> (
    any Subject, Stream
  ) {
    var stream = Stream(scenario, columns: recipe.columns, seed: seed &* 1_000_003 &+ UInt64(number))
    var reference: [Double] = []
    reference.reserveCapacity(recipe.referenceRows * recipe.columns)
    for _ in 0..<recipe.referenceRows {
      stream.fill(rows)
      reference.append(contentsOf: rows)
    }
    return (recipe.make(Elementary.exp(level), reference), stream)
  }

  /// Passes in each of which a subject answers for all of some levels.
  private var passes: [[Double]] { recipe.isMadeForRunLength ? levels.map { [$0] } : [levels] }

  /// Lets streams without a change run until they alarm, or for this many observations: prints for each level
  /// the alarms and the observations until then.
  ///
  /// - Parameter multiple: of the run length, after which nobody waits for an alarm any longer.
  func runs(length: Int, multiple: Double) {
    for pass in passes {
      var alarms = [Int](repeating: 0, count: pass.count)
      var waited = [Int](repeating: 0, count: pass.count)
      let most = min(Double(length), multiple * Elementary.exp(pass.last ?? 0))
      for number in 0..<streams {
        let passed = passages(number, pass, changeAt: nil, rows: Int(most) * recipe.rowsPerObservation)
        for index in pass.indices {
          if passed[index] != nil { alarms[index] += 1 }
          waited[index] += (passed[index].map { $0 + 1 } ?? Int(most) * recipe.rowsPerObservation)
        }
      }
      for index in pass.indices {
        print(
          #"{"subject": "\#(recipe.name)", "scenario": "\#(scenario.rawValue)", "level": \#(pass[index]), "#
            + #""alarms": \#(alarms[index]), "#
            + #""observations": \#(Double(waited[index]) / Double(recipe.rowsPerObservation)), "#
            + #""streams": \#(streams), "length": \#(Int(most))}"#)
      }
    }
  }

  /// The same with a change after some rows: prints for each level how many had alarmed before, and how many
  /// rows after the change the others did; −1 for a miss.
  func delays(shift: Double, changeAt: Int, atMost: Int) {
    for pass in passes {
      var delays = [[Int]](repeating: [], count: pass.count)
      var early = [Int](repeating: 0, count: pass.count)
      for number in 0..<streams {
        let passed = passages(number, pass, changeAt: changeAt, shift: shift, rows: changeAt + atMost)
        for index in pass.indices {
          if let row = passed[index], row < changeAt {
            early[index] += 1
          } else {
            delays[index].append(passed[index].map { $0 - changeAt } ?? -1)
          }
        }
      }
      for index in pass.indices {
        print(
          #"{"subject": "\#(recipe.name)", "scenario": "\#(scenario.rawValue)", "level": \#(pass[index]), "#
            + #""shift": \#(shift), "early": \#(early[index]), "delays": \#(delays[index])}"#)
      }
    }
  }

  /// The row of the first alarm at each of ascending levels, of a stream; nil for none.
  private func passages(
    _ number: Int, _ levels: [Double], changeAt: Int?, shift: Double? = nil, rows: Int
  ) -> [Int?] {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: recipe.columns) { row in
      row.initialize(repeating: 0)
      var (subject, stream) = begin(number, level: levels[0], rows: row)
      var passed = [Int?](repeating: nil, count: levels.count)
      var next = 0
      for place in 0..<rows {
        if place == changeAt { stream.shift = shift }
        stream.fill(row)
        let level = subject.next(UnsafeBufferPointer(row))
        while next < levels.count, level > levels[next] {
          passed[next] = place
          next += 1
        }
        if next == levels.count { break }
      }
      return passed
    }
  }
}
