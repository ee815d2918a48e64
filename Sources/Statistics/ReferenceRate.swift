/// A share that was counted on reference rows.
package struct ReferenceRate: Sendable, Equatable {
  /// Of `trials`.
  package var events: Double
  package var trials: Double

  /// - Precondition: 0 ≤ events ≤ trials.
  package init(events: Double, trials: Double) {
    precondition(events >= 0 && events <= trials)
    (self.events, self.trials) = (events, trials)
  }

  /// NaN without trials.
  package var value: Double { events / trials }

  /// The one-sided 99 % deviate: one reference in a hundred has a true share above its bound.
  package static let deviate = 2.326

  /// The share that the true one exceeds in 1 % of references: the upper end of Wilson's score interval, 1
  /// without trials. Cost: O(1). Source: Wilson, "Probable inference", 1927.
  ///
  /// - Parameter deviate: of the standard normal distribution.
  package func wilsonUpperBound(deviate: Double = Self.deviate) -> Double {
    guard trials > 0 else { return 1 }
    let square = deviate * deviate
    let centre = value + square / (2 * trials)
    let spread = deviate * (value * (1 - value) / trials + square / (4 * trials * trials)).squareRoot()
    return min(1, (centre + spread) / (1 + square / trials))
  }
}
