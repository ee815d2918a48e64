import Engine

// When many models that drift at once are taken for broken data.
extension ConfigurationParser {
  func readFleet(_ node: ConfigurationNode, into fleet: inout FleetSettings) {
    if !node.isMapping {
      guard node.text(want: "off, or least_models, share and within") == "off" else {
        return node.note("want off, or least_models, share and within")
      }
      fleet.isOn = false
      return
    }
    let members = node.members(["least_models", "share", "within"])
    if let least = members["least_models"]?.integer(2...1_000_000) { fleet.least = least }
    if let share = members["share"]?.number(0...1, want: "a share from 0 to 1") { fleet.share = share }
    if let within = members["within"]?.duration(atLeast: .seconds(1)) { fleet.within = within }
  }
}
