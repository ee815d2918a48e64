/// What a detector says of one observation, with the numbers that made it say so.
package struct Verdict: Sendable, Equatable {
  package var isDrifted: Bool
  /// In the detector's own unit; NaN when the observation could not be scored.
  package var score: Double
  /// What the score was held against.
  package var threshold: Double
  /// How many values stand behind the score.
  package var count: Int

  package init(isDrifted: Bool, score: Double, threshold: Double, count: Int) {
    self.isDrifted = isDrifted
    self.score = score
    self.threshold = threshold
    self.count = count
  }
}
