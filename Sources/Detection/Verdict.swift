/// What a detector says of one observation, with the numbers that made it say so.
package struct Verdict: Sendable, Equatable {
  /// Whether the detector alarms: the evidence is enough and, where there is a practical gate, the
  /// effect is large enough to matter.
  package var isDrifted: Bool
  /// The evidence: in the detector's own unit for the rules of preset `reference`, in nats for all
  /// others (the natural logarithm of an e-value or of a likelihood ratio). NaN when the observation
  /// could not be scored.
  package var score: Double
  /// What the score was held against.
  package var threshold: Double
  /// How many values stand behind the score.
  package var count: Int
  /// How large the change is in a unit that people read; nil where the detector has no practical gate.
  package var effect: Effect?
  /// Where the change began, when the detector can tell.
  package var change: ChangePoint?

  package init(
    isDrifted: Bool, score: Double, threshold: Double, count: Int, effect: Effect? = nil,
    change: ChangePoint? = nil
  ) {
    self.isDrifted = isDrifted
    self.score = score
    self.threshold = threshold
    self.count = count
    self.effect = effect
    self.change = change
  }

  /// The practical gate: an effect and the least that matters.
  package struct Effect: Sendable, Equatable {
    package var value: Double
    package var threshold: Double

    package init(_ value: Double, threshold: Double) {
      self.value = value
      self.threshold = threshold
    }

    package var isRelevant: Bool { value >= threshold }
  }
}

/// Where a change began and how.
package struct ChangePoint: Sendable, Equatable {
  package enum Kind: String, Sendable {
    /// A step.
    case abrupt
    /// A ramp that began there.
    case gradual
  }

  /// The first observation after the change, counted from 0 at the detector's first.
  package var index: Int
  package var kind: Kind

  package init(index: Int, kind: Kind) {
    self.index = index
    self.kind = kind
  }
}
