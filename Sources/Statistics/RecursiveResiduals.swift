/// What a series brings that it did not announce: the one-step errors of a regression on a constant, a line in
/// time, its own last two values, two weighted means of the earlier ones and, when it has a season, the value one
/// season ago and the season's mean at that place.
///
/// While level, slope, season and autocorrelation stay, these are nearly independent and of one distribution,
/// whatever they are; a step, a bend or a change of spread shows in them. So a test for independent values
/// can be run on a series with trend and memory, by ``SequentialRanks``.
///
/// - Formula: recursive least squares with a weak prior; wₜ = eₜ/√(1 + xₜᵀPxₜ), over the usual spread at this time of
///   the season. What it learns from and goes on with is cut at ±4 of the deviation so far. Brown, Durbin, Evans,
///   "Techniques for testing the constancy of regression relationships over time", 1975.
/// - Cost: O(p²) for p of 6 or 8 coefficients, and with a season O(season / 8). Memory: p² + 3p numbers, and three
///   seasons of values.
package struct RecursiveResiduals: Sendable, Equatable {
  /// Values between repetitions; nil without a season.
  package let season: Int?
  /// Values come in these units.
  package let location: Double
  package let scale: Double

  /// Residuals beyond are cut, so that one spike is no change of spread.
  package static let cut = 4.0
  /// How firmly the coefficients of earlier values are held to 0 at first, in observations.
  private static let priorOfMemory = 4.0
  /// The same for the constant and the line: hardly at all.
  private static let priorOfLevel = 0.1
  /// Times the mean leverage p/n that a row may have and still count in full.
  private static let usualLeverage = 2.0

  private let size: Int
  private var coefficients: [Double]
  /// The inverse of the regressors' products, size × size.
  private var covariance: [Double]
  /// What the value last taken was held against: 1, the time in hundreds, the two values before, their weighted
  /// means, the value a season ago and the season's mean there.
  package private(set) var regressors: [Double]
  private var gain: [Double]
  private var last = 0.0
  private var beforeLast = 0.0
  /// Weighted means of the earlier values: with them the regression can follow a level that wanders under
  /// noise, which a few earlier values cannot.
  private var fast = 0.0
  private var slow = 0.0
  private static let fastWeight = 0.3
  private static let slowWeight = 0.05
  /// The last season, as a ring.
  private var past: [Double] = []
  private var time = 0
  /// The weighted mean of the values at each place of the season: less noise than the one a season ago.
  private var profile: [Double] = []
  private static let profileWeight = 0.15
  /// Sizes of the last season's residuals, and their mean.
  private var magnitudes: [Double] = []
  private var meanMagnitude = 0.0
  /// Of the value last taken, in units of ``scale``.
  package private(set) var latestMagnitude = 0.0
  private var squares = 0.0
  private var scored = 0

  /// - Parameters:
  ///   - location: about where the values lie at first, such as their median.
  ///   - scale: about how far they spread; above 0.
  ///   - season: at least 3 values.
  package init(location: Double, scale: Double, season: Int? = nil) {
    (self.location, self.scale, self.season) = (location, scale, season)
    size = Self.coefficients(season: season)
    coefficients = [Double](repeating: 0, count: size)
    covariance = [Double](repeating: 0, count: size * size)
    regressors = coefficients
    gain = coefficients
    for index in 0..<size {
      covariance[index * size + index] = 1 / Self.prior(of: index)
    }
  }

  /// How firmly a coefficient is held to 0 at first, in observations of unit size.
  package static func prior(of coefficient: Int) -> Double { coefficient < 2 ? priorOfLevel : priorOfMemory }

  /// Fills the last season with what came right before the first value, oldest first.
  ///
  /// - Parameters:
  ///   - values: as they came.
  ///   - sizes: of their residuals, in the same unit; NaN where there was none.
  /// - Precondition: nothing was taken yet.
  package mutating func seed(
    _ values: some BidirectionalCollection<Double>, residuals sizes: some BidirectionalCollection<Double>
  ) {
    precondition(time == 0)
    guard let season, values.count >= season else { return }
    past = values.suffix(season).map { scaled($0) }
    let known = sizes.suffix(season).filter(\.isFinite)
    if sizes.count >= season, 2 * known.count >= season {
      // What is not known is taken as usual.
      meanMagnitude = known.reduce(0, +) / Double(known.count) / scale
      magnitudes = sizes.suffix(season).map { $0.isFinite ? $0 / scale : meanMagnitude }
      meanMagnitude = magnitudes.reduce(0, +) / Double(season)
    }
    profile = past
  }

  /// Coefficients of a series without or with a season.
  package static func coefficients(season: Int?) -> Int { season == nil ? 6 : 8 }

  /// How much more residuals spread at this time of the season than on the whole, by the last one; 1 while
  /// that is unknown.
  private var localSpread: Double {
    guard let season, magnitudes.count == season, meanMagnitude > 0 else { return 1 }
    let half = season / 16
    let count = Double(2 * half + 1)
    var sum = 0.0
    for place in -half...half { sum += magnitudes[(time + place + season) % season] }
    return (sum / meanMagnitude + Self.priorOfSpread) / (count + Self.priorOfSpread)
  }

  /// How firmly the spread is held to that of the whole, in residuals.
  private static let priorOfSpread = 16.0

  private mutating func keepMagnitude(_ magnitude: Double) {
    latestMagnitude = magnitude
    guard let season else { return }
    if magnitudes.count < season {
      magnitudes.append(magnitude)
      meanMagnitude = magnitudes.reduce(0, +) / Double(magnitudes.count)
    } else {
      meanMagnitude += (magnitude - magnitudes[time % season]) / Double(season)
      magnitudes[time % season] = magnitude
    }
  }

  /// The profile around a place, as far as a season that is long is smooth. Cost: O(season / 32).
  private func profileMean(at place: Int, _ season: Int) -> Double {
    let half = season / 32
    var sum = 0.0
    for offset in -half...half { sum += profile[(place + offset + season) % season] }
    return sum / Double(2 * half + 1)
  }

  private func scaled(_ raw: Double) -> Double { max(min((raw - location) / scale, 1e9), -1e9) }

  /// The value last taken, in units of ``scale``, a spike cut down to ``cut`` deviations from what was expected.
  package var latest: Double { last }

  /// Takes the next value.
  ///
  /// - Returns: its residual, in units of ``scale``; nil while there are too few to tell.
  package mutating func next(_ raw: Double) -> Double? {
    let value = scaled(raw)
    defer { time += 1 }
    regressors[0] = 1
    // Grows by 1 in a hundred values, so that the prior says as little of the line as of the constant.
    regressors[1] = Double(time) / 100
    regressors[2] = last
    regressors[3] = beforeLast
    regressors[4] = fast
    regressors[5] = slow
    if let season, past.count == season {
      regressors[6] = past[time % season]
      regressors[7] = profileMean(at: time, season)
    }

    var predicted = 0.0
    var spread = 1.0
    for row in 0..<size {
      predicted += coefficients[row] * regressors[row]
      var sum = 0.0
      for column in 0..<size { sum += covariance[row * size + column] * regressors[column] }
      gain[row] = sum
      spread += sum * regressors[row]
    }
    let error = value - predicted
    let standardised = error / spread.squareRoot()
    // Needs as many as there are coefficients, and some to know the spread.
    guard time >= size + 2 else {
      learn(error: error, spread: spread)
      keep(value)
      if time >= 2 { note(standardised) }
      keepMagnitude(abs(standardised))
      return nil
    }
    let deviation = max((squares / Double(scored)).squareRoot(), 1e-9)
    let normal = Self.normal(standardised / deviation, freedom: Double(scored))
    let kept = max(-Self.cut, min(Self.cut, normal))
    let share = normal == 0 ? 1 : kept / normal
    learn(error: error * share, spread: spread)
    note(standardised * share)
    let local = localSpread
    keepMagnitude(abs(standardised * share))
    keep(predicted + error * share)
    return standardised / local
  }

  private mutating func note(_ standardised: Double) {
    squares += standardised * standardised
    scored += 1
  }

  /// - Parameter spread: 1 + xᵀPx. A row of unusual regressors, as the first ones after a step are, teaches
  ///   less: else the step would soon be the new usual.
  private mutating func learn(error: Double, spread: Double) {
    let usual = Self.usualLeverage * Double(size) / Double(time + 1)
    let weight = min(1, usual / max(spread - 1, 1e-12))
    // As if the row had been seen with 1/weight of the noise's variance.
    let spread = 1 / weight + spread - 1
    for row in 0..<size {
      coefficients[row] += gain[row] * error / spread
      for column in 0...row {
        let next = covariance[row * size + column] - gain[row] * gain[column] / spread
        covariance[row * size + column] = next
        covariance[column * size + row] = next
      }
    }
  }

  private mutating func keep(_ value: Double) {
    (beforeLast, last) = (last, value)
    fast += (value - fast) * Self.fastWeight
    slow += (value - slow) * Self.slowWeight
    guard let season else { return }
    if past.count < season { past.append(value) } else { past[time % season] = value }
    if profile.count < season {
      profile.append(value)
    } else {
      profile[time % season] += (value - profile[time % season]) * Self.profileWeight
    }
  }

  /// The normal that is as unlikely as Student's t of so many degrees of freedom; Wallace 1959, within 2 %.
  private static func normal(_ t: Double, freedom: Double) -> Double {
    let squared =
      (8 * freedom + 1) / (8 * freedom + 3) * (freedom * Elementary.ln1p(t * t / freedom)).squareRoot()
    return t < 0 ? -squared : squared
  }
}
