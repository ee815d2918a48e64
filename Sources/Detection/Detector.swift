/// Numbers in, a verdict out. A detector knows no models, times or events.
///
/// It is a value: a copy taken mid-stream goes on exactly as the original would. Every conformer
/// stands in ``DetectorCatalog`` and must pass the suite that runs over it.
package protocol Detector: Sendable, Equatable {
  /// One thing to judge: a value, or a summary of a batch.
  associatedtype Observation

  /// Judges `observation`, and learns from it where the detector is one that learns.
  mutating func observe(_ observation: Observation) -> Verdict
}
