import Events

extension RetrainKeep {
  func write(to writer: inout JSONWriter) {
    writer.member("kept", reason != nil)
    writer.member("reason", reason?.rawValue)
    assessment.writeReasons(to: &writer)
    assessment.writeConstraints(to: &writer)
    writer.member("time_since_last_retrain_s", assessment.sinceLastRetrain.secondsValue)
    writer.key("next_allowed_retrain")
    writer.time(assessment.nextAllowedRetrain)
  }
}
