/// Why a model that would be retrained is not; or that there is no longer anything that would.
package struct RetrainKeep: Sendable, Equatable {
  package enum Reason: String, CaseIterable, Sendable {
    /// The minimum time since the last decision is not over.
    case minimumTime = "minimum_time"
    /// Many models of its feed drift at once: that is the data, not the model.
    case fleetAnomaly = "fleet_anomaly"
    /// Its drift follows from another alert.
    case inhibited
  }

  /// Nil: nothing asks for a retrain any more, or one was decided.
  package let reason: Reason?
  /// With the numbers that say so.
  package let assessment: RetrainAssessment

  /// Nil when nothing is kept back.
  package init?(_ assessment: RetrainAssessment, isFleetHeld: Bool, isInhibited: Bool) {
    let isAsked =
      assessment.constraints.accuracyTrigger || assessment.constraints.driftTrigger
      || assessment.constraints.timeTrigger
    guard !assessment.shouldRetrain, isAsked || isInhibited else { return nil }
    self.assessment = assessment
    if isAsked {
      reason = isFleetHeld ? .fleetAnomaly : .minimumTime
    } else {
      reason = .inhibited
    }
  }

  /// It is over.
  package init(over assessment: RetrainAssessment) { (reason, self.assessment) = (nil, assessment) }
}

extension RetrainKeep {
  package func encode(to writer: inout StateWriter) {
    writer.write(reason) { $0.write($1.rawValue) }
    assessment.encode(to: &writer)
  }

  package init(from reader: inout StateReader) throws(StateError) {
    reason = try reader.readOptional { (reader) throws(StateError) in try reader.readWord() }
    var assessment = try RetrainAssessment(from: &reader)
    assessment.constraints.isHeld = reason == .fleetAnomaly
    self.assessment = assessment
  }
}
