/// What a model is held against from now on (`tidemark.baseline.v1`); each part that is given
/// replaces the old one, each absent part stays.
package struct BaselineUpdate: Sendable {
  /// Accuracy to expect, usually 0 to 1.
  package var accuracy: Double?
  /// Milliseconds; informative, no rule of preset `reference` reads it.
  package var latencyMilliseconds: Double?
  /// Rows that stand for the inputs the model was made for.
  package var features: FeatureBatch?

  package init(accuracy: Double? = nil, latencyMilliseconds: Double? = nil, features: FeatureBatch? = nil) {
    self.accuracy = accuracy
    self.latencyMilliseconds = latencyMilliseconds
    self.features = features
  }
}
