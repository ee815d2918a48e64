import Decisions
import Foundation
import Journal

// The parts of the configuration that say what is kept, and how long decisions wait.
extension ConfigurationParser {
  func readJournal(_ members: [String: ConfigurationNode], into configuration: inout Configuration) {
    let directory = members["state"].flatMap(readDirectory)
    var settings = JournalSettings(directory: directory ?? "")
    if let journal = members["journal"] {
      if members["state"] == nil { journal.note("there is no state, want state: DIRECTORY beside it") }
      read(journal, into: &settings, &configuration.checkpoints)
    }
    if directory != nil { configuration.journal = settings }
  }

  private func read(
    _ node: ConfigurationNode, into settings: inout JournalSettings, _ checkpoints: inout CheckpointPolicy
  ) {
    let members = node.members([
      "checkpoint_interval", "checkpoint_events", "durability", "outbox_messages", "outbox_age",
      "history_raw", "history_minutes", "history_hours", "history_rows", "maximum_pages",
    ])
    if let interval = members["checkpoint_interval"]?.duration(atLeast: .milliseconds(10)) {
      checkpoints.interval = interval
    }
    if let events = members["checkpoint_events"]?.integer(1...10_000_000) { checkpoints.events = events }
    if let durability = members["durability"]?.choice(JournalSettings.Durability.self) {
      settings.durability = durability
    }
    if let messages = members["outbox_messages"]?.integer(1...1_000_000_000) {
      settings.outboxMessages = messages
    }
    let hour = Duration.seconds(3600)
    if let age = members["outbox_age"]?.duration(atLeast: hour) { settings.outboxAge = age }
    if let raw = members["history_raw"]?.duration(atLeast: hour) { settings.rawHistory = raw }
    if let minutes = members["history_minutes"]?.duration(atLeast: hour) { settings.minuteHistory = minutes }
    if let hours = members["history_hours"]?.duration(atLeast: hour) { settings.hourHistory = hours }
    if let rows = members["history_rows"]?.integer(1...1_000_000_000) { settings.historyRows = rows }
    if let pages = members["maximum_pages"]?.integer(64...Int(Int32.max)) { settings.maximumPages = pages }
  }

  /// A directory, or the name of one that is yet to be made.
  private func readDirectory(_ node: ConfigurationNode) -> String? {
    guard let path = node.text(want: "a directory") else { return nil }
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
      node.note("'\(path.prefix(200))' is no directory, want one, or a path where none is yet")
      return nil
    }
    return path
  }

  static let lifeKeys = [
    "acknowledge_within", "expires_after", "start_within", "duration", "verify_after", "attempts",
  ]

  func readLife(_ members: [String: ConfigurationNode], into life: inout RetrainLifePolicy) {
    // Timers of nothing would fire without end.
    let least = Duration.milliseconds(1)
    if let time = members["acknowledge_within"]?.duration(atLeast: least) { life.acknowledgeWithin = time }
    if let time = members["expires_after"]?.duration(atLeast: least) { life.expiresAfter = time }
    if let time = members["start_within"]?.duration(atLeast: least) { life.startWithin = time }
    if let time = members["duration"]?.duration(atLeast: least) { life.duration = time }
    if let time = members["verify_after"]?.duration() { life.verifyAfter = time }
    if let attempts = members["attempts"]?.integer(1...100) { life.attempts = attempts }
  }
}
