import Engine
import Wire

/// A reload of the configuration, as a recording holds it.
struct ReplayedReload {
  private let revision: String
  private let file: String
  private let text: String

  /// - Parameter frames: three; text that is not UTF-8 gives another revision than the recorded one.
  init(_ frames: Frames) {
    let texts = frames.map { String(decoding: $0, as: UTF8.self) }
    (revision, file, text) = (texts[0], texts[1], texts[2])
  }

  /// The settings that the daemon took.
  ///
  /// - Throws: status `configuration` when they cannot be made again, as when a baseline that they name is
  ///   another file today.
  func settings() throws(ReplayInput.Failure) -> EngineSettings {
    let configuration: Configuration
    do throws(ConfigurationProblems) { configuration = try .reread(text, of: file) } catch {
      throw failure(error.description)
    }
    guard configuration.engine.revision == revision else {
      throw failure("its revision was \(revision) and would be \(configuration.engine.revision) today")
    }
    return configuration.engine
  }

  private func failure(_ why: String) -> ReplayInput.Failure {
    ReplayInput.Failure(
      words:
        "tidemark: the replay ends where the daemon read \(file) again, which cannot be done here: \(why)",
      status: .configuration)
  }
}
