import CMeter

/// What one row costs the processor after a while, and what a detector keeps by then.
enum Cost {
  /// Observations before anything is measured, so that buckets and histories have their size.
  static let before = 10_000
  static let few = 8
  static let many = 64
  static let repetitions = 9

  static func report(_ recipe: Recipe) {
    // No alarm: what begins anew is small again.
    let never = 1e300
    let rows = before * recipe.rowsPerObservation
    let timed = 2_000 * recipe.rowsPerObservation
    let scenario: Scenario = recipe.isOfRates ? .rate : .normal
    let values = drawn(scenario, rows: max(recipe.referenceRows, min(rows, 100_000)), recipe.columns)
    let reference = Array(values.prefix(recipe.referenceRows * recipe.columns))
    // Once before, for what is made at the first use.
    var warm = recipe.make(never, reference)
    _ = feed(&warm, values, recipe.rowsPerObservation, recipe.columns)
    let instances = recipe.columns > 1 || recipe.rowsPerObservation > 1 ? few : many
    var subjects: [any Subject] = []
    subjects.reserveCapacity(instances)
    let heap = heap_in_use()
    for _ in 0..<instances {
      var subject = recipe.make(never, reference)
      _ = feed(&subject, values, rows, recipe.columns)
      subjects.append(subject)
    }
    let bytes = Int(heap_in_use() - heap) / instances
    var (sink, times) = (0.0, [Double]())
    for _ in 0..<repetitions {
      var subject = subjects[0]
      let begun = processor_ns()
      sink += feed(&subject, values, timed, recipe.columns)
      times.append(Double(processor_ns() - begun) / Double(timed))
    }
    times.sort()
    // The results are used, or the optimiser would be free to leave the work out.
    precondition(!sink.isNaN)
    print(
      #"{"subject": "\#(recipe.name)", "ns": \#(times[times.count / 2]), "bytes": \#(bytes), "#
        + #""columns": \#(recipe.columns)}"#)
  }

  static func drawn(_ scenario: Scenario, rows: Int, _ columns: Int) -> [Double] {
    var stream = Stream(scenario, columns: columns, seed: 1)
    var values = [Double](repeating: 0, count: rows * columns)
    values.withUnsafeMutableBufferPointer { values in
      for row in 0..<rows {
        stream.fill(UnsafeMutableBufferPointer(rebasing: values[row * columns..<(row + 1) * columns]))
      }
    }
    return values
  }

  /// - Returns: how many rows alarmed, so that the work has a result.
  private static func feed(
    _ subject: inout any Subject, _ values: [Double], _ rows: Int, _ columns: Int
  ) -> Double {
    let held = values.count / columns
    var alarms = 0.0
    values.withUnsafeBufferPointer { values in
      for row in 0..<rows {
        let first = row % held * columns
        let answer = subject.next(UnsafeBufferPointer(rebasing: values[first..<first + columns]))
        if answer > 0 { alarms += 1 }
      }
    }
    return alarms
  }
}
