import Statistics

// Entries of the detectors that take one observation at a time and learn what is usual as they go.
extension DetectorCatalog.Entry {
  static let glr = Self(
    name: "glr", summary: "the likeliest change of a rate or mean", golden: "glr.json", stateLimit: 4_096
  ) { baseline in
    StreamProbe(GLRDetector(.mean), baseline: baseline) { $0 }
  }

  static let meanVariance = Self(
    name: "meanvar", summary: "the likeliest change of mean and spread", golden: "meanvar.json",
    stateLimit: 4_096
  ) { baseline in
    let units = BaselineUnits(baseline)
    return StreamProbe(MeanVarianceDetector(), baseline: baseline) { $0.map(units.standardised) }
  }

  /// Two values side by side are a row; a batch gives at most twelve of them.
  static let mmd = Self(
    name: "mmd", summary: "the likeliest change of how columns are distributed together", golden: "mmd.json",
    stateLimit: 640 << 10
  ) { baseline in
    let units = BaselineUnits(baseline)
    return StreamProbe(MMDDetector(columns: 2), baseline: baseline) { batch in
      let values = batch.filter(\.isFinite).map(units.standardised)
      let most = batch.count > 100 ? values.count / 2 : min(12, values.count / 2)
      return (0..<most).map { [values[2 * $0], values[2 * $0 + 1]] }
    }
  }
}

/// The units of a baseline sample.
private struct BaselineUnits: Sendable {
  private var mean = 0.0
  private var deviation = 1.0

  init(_ values: [Double]) {
    var moments = ColumnMoments(columns: 1)
    moments.fold(values)
    guard moments.present(in: 0) > 0 else { return }
    mean = moments.mean(of: 0)
    deviation = max(moments.standardDeviation(of: 0), MeanShiftDetector.epsilon)
  }

  func standardised(_ value: Double) -> Double {
    value.isFinite ? max(-1e9, min(1e9, (value - mean) / deviation)) : .nan
  }
}
