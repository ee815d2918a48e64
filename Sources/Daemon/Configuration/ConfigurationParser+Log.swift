import Events
import Monitoring
import Wire

// How the log is written, and what a configuration is called.
extension ConfigurationParser {
  func readLog(_ node: ConfigurationNode, into settings: inout LogSettings) {
    let members = node.members(["format", "level"])
    if let format = members["format"]?.choice(LogSettings.Format.self) { settings.format = format }
    if let level = members["level"]?.choice(LogSettings.Level.self) { settings.level = level }
  }

  /// The name of a configuration: 12 hexadecimal digits over its text and the baselines that it names.
  /// Another comment is another revision; the same text with another baseline file, too.
  static func revision(of text: String, _ baselines: [UInt32]) -> String {
    String(Identity.digest("", [text] + baselines.map(String.init)).prefix(12))
  }

  static func checksum(of baseline: FeatureBaseline) -> UInt32 {
    var writer = StateWriter()
    baseline.encode(to: &writer)
    return writer.bytes.withUnsafeBytes { CRC32C.of($0) }
  }
}
