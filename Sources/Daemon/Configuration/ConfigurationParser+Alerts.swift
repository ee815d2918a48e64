import Decisions
import Engine

// When alerts open and end.
extension ConfigurationParser {
  private static let alertKeys = [
    "for", "clear_ratio", "clear_evaluations", "keep_firing_for", "min_samples", "flap",
  ]

  /// Those of the whole daemon: what every model begins with, and how often what is open is sent again.
  func readAlerts(_ node: ConfigurationNode, into engine: inout EngineSettings) {
    let members = node.members(Self.alertKeys + ["resend"])
    readAlerts(members, into: &engine.defaults.alerts)
    // More often is no help, and 10,000 alerts a second would be half of what a reader takes.
    if let resend = members["resend"]?.duration(atLeast: .seconds(1)) { engine.resend = resend }
  }

  /// Those of one model, or of `defaults`.
  func readAlerts(_ node: ConfigurationNode, into alerts: inout AlertConfiguration) {
    readAlerts(node.members(Self.alertKeys), into: &alerts)
  }

  private func readAlerts(_ members: [String: ConfigurationNode], into alerts: inout AlertConfiguration) {
    if let hold = members["for"]?.duration() { alerts.hold = hold }
    if let ratio = members["clear_ratio"]?.number(0...1, want: "a share of the alarm from 0 to 1") {
      alerts.clearRatio = ratio
    }
    if let evaluations = members["clear_evaluations"]?.integer(1...1_000_000) {
      alerts.clearEvaluations = evaluations
    }
    if let keep = members["keep_firing_for"]?.duration() { alerts.keepFiringFor = keep }
    if let samples = members["min_samples"]?.integer(0...1_000_000_000) { alerts.minimumSamples = samples }
    if let flap = members["flap"] { alerts.flap = readFlap(flap) }
  }

  /// `off`, or what differs from the defaults.
  private func readFlap(_ node: ConfigurationNode) -> AlertConfiguration.Flap? {
    if !node.isMapping {
      guard node.text(want: "off, or half_life, suppress and reuse") == "off" else {
        node.note("want off, or half_life, suppress and reuse")
        return nil
      }
      return .off
    }
    let members = node.members(["half_life", "suppress", "reuse"])
    var flap = FlapSettings()
    if let halfLife = members["half_life"]?.duration(atLeast: .seconds(1)) { flap.halfLife = halfLife }
    let want = "a penalty from 0.1 to \(FlapSettings.ceiling)"
    if let suppress = members["suppress"]?.number(0.1...FlapSettings.ceiling, want: want) {
      flap.suppress = suppress
    }
    if let reuse = members["reuse"]?.number(0.1...FlapSettings.ceiling, want: want) { flap.reuse = reuse }
    if flap.reuse >= flap.suppress {
      node.note("reuse \(flap.reuse) is not below suppress \(flap.suppress), want it lower")
    }
    return .on(flap)
  }
}
