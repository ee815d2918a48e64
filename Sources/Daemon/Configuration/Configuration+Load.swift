import Events
import Foundation

extension Configuration {
  /// Reads a configuration, or gives the defaults when there is no file.
  ///
  /// - Parameters:
  ///   - allowsPlaintext: endpoints that other machines can reach are taken, though nothing on them is encrypted
  ///     or authenticated.
  ///   - readsKeys: whether ``security`` is read; without it, sockets cannot be bound as configured.
  /// - Throws: every problem at once.
  package static func load(
    _ file: String?, allowsPlaintext: Bool, readsKeys: Bool = true
  ) throws(ConfigurationProblems) -> Configuration {
    let defaultName = hostName
    guard let file else {
      var configuration = Configuration(name: defaultName)
      configuration.engine.revision = ConfigurationParser.revision(of: "", [])
      return configuration
    }
    func problem(_ message: String) -> ConfigurationProblems {
      ConfigurationProblems(file: file, problems: [.init(line: nil, key: "", message: message)])
    }
    let text: String
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: file), options: .mappedIfSafe)
      guard data.count <= ConfigurationParser.maximumBytes else {
        throw problem("has \(data.count) bytes, at most \(ConfigurationParser.maximumBytes) are read")
      }
      guard let decoded = String(validating: data, as: UTF8.self) else { throw problem("is not UTF-8") }
      text = decoded
    } catch let error as ConfigurationProblems {
      throw error
    } catch {
      throw problem("cannot be read: \((error as NSError).localizedDescription)")
    }
    return try ConfigurationParser(file: file, allowsPlaintext: allowsPlaintext, readsKeys: readsKeys)
      .parse(text, defaultName: defaultName)
  }

  /// Reads a configuration that was written down, as the file of that name; files that it names are read as
  /// they are today.
  ///
  /// - Throws: every problem at once.
  static func reread(_ text: String, of file: String) throws(ConfigurationProblems) -> Configuration {
    try ConfigurationParser(file: file, allowsPlaintext: true, readsKeys: false).parse(
      text, defaultName: hostName)
  }

  /// The host's name, cut to what a topic has room for.
  private static var hostName: SourceName {
    var name = ProcessInfo.processInfo.hostName
    while TopicSegment.encodedLength(of: name) > maximumNameBytes { name.removeLast() }
    return SourceName(name) ?? SourceName("tidemark")!
  }
}
