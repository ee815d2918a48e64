/// Numbers in, a verdict out. A detector knows no models, times or events.
///
/// It is a value: a copy taken mid-stream goes on exactly as the original would. Every conformer
/// stands in ``DetectorCatalog`` and must pass the suite that runs over it.
package protocol Detector: Sendable, Equatable {
  /// One thing to judge: a value, or a summary of a batch.
  associatedtype Observation

  /// Judges `observation`, and learns from it where the detector is one that learns.
  mutating func observe(_ observation: Observation) -> Verdict

  /// What the detector has learned, without its settings: empty for one that learns nothing. A
  /// detector of the same settings that takes it with ``restore(_:)`` goes on as this one would.
  var state: [Double] { get }

  /// Goes on from what was ``state`` once.
  ///
  /// - Returns: false, and nothing changes, when no detector of these settings can have had it.
  mutating func restore(_ state: [Double]) -> Bool
}

extension Detector {
  package var state: [Double] { [] }
  package mutating func restore(_ state: [Double]) -> Bool { state.isEmpty }
}
