/// How many values a series takes to repeat itself, told by its autocorrelation.
package enum Season {
  /// Lags that are looked at; a week of hours is 168, a day of five minutes 288.
  package static let longest = 1_024
  /// Times that a season must have been seen.
  package static let fewestRepetitions = 2.5
  /// What the autocorrelation at the season must reach.
  package static let leastCorrelation = 0.3

  /// The season of `values`, at least 3; nil when none shows.
  ///
  /// A line is taken off, then the first lag is sought, beyond the first valley, whose autocorrelation is a peak
  /// at least nine tenths as high as any later. Cost: O(n · lags), so ask seldom.
  package static func find(in values: [Double]) -> Int? {
    let n = values.count
    let lags = min(longest, Int(Double(n) / fewestRepetitions))
    guard lags >= 4 else { return nil }
    let rest = withoutLine(values)
    let power = rest.reduce(0) { $0 + $1 * $1 }
    guard power > 0, power.isFinite else { return nil }
    var correlations = [1.0]
    rest.withUnsafeBufferPointer { rest in
      for lag in 1...lags {
        var sum = 0.0
        for index in lag..<n { sum += rest[index] * rest[index - lag] }
        // Per pair, so that long lags are not held to be weaker.
        correlations.append(sum / power * Double(n) / Double(n - lag))
      }
    }
    // Beyond the valley only: a series that wanders is correlated at every small lag.
    guard let valley = correlations.indices.first(where: { $0 + 1 < lags && correlations[$0] < 0.1 })
    else { return nil }
    let least = max(leastCorrelation, 4 / Double(n).squareRoot())
    let peaks = (max(valley, 3)..<lags).filter { lag in
      correlations[lag] >= least && correlations[lag] >= correlations[lag - 1]
        && correlations[lag] > correlations[lag + 1]
    }
    guard let highest = peaks.map({ correlations[$0] }).max() else { return nil }
    return peaks.first { correlations[$0] >= 0.9 * highest }.map { refined($0, correlations) }
  }

  /// The peak of a noisy series is off by a few values; those at twice and thrice the season are as far off, and
  /// that is half and a third of it.
  private static func refined(_ peak: Int, _ correlations: [Double]) -> Int {
    var season = Double(peak)
    var times = 2
    while true {
      let centre = Int((season * Double(times)).rounded())
      // As far as what is known of the season leaves open.
      let reach = max(1, peak / 12)
      guard centre + reach < correlations.count else { break }
      let best = (centre - reach...centre + reach).max { correlations[$0] < correlations[$1] } ?? centre
      guard correlations[best] >= leastCorrelation else { break }
      season = Double(best) / Double(times)
      times += 1
    }
    return max(3, Int(season.rounded()))
  }

  private static func withoutLine(_ values: [Double]) -> [Double] {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    let middle = (n - 1) / 2
    var (products, squares) = (0.0, 0.0)
    for (index, value) in values.enumerated() {
      let t = Double(index) - middle
      products += t * (value - mean)
      squares += t * t
    }
    let slope = squares > 0 ? products / squares : 0
    return values.enumerated().map { $1 - mean - slope * (Double($0) - middle) }
  }
}
