import Foundation

/// What a process is started with.
package enum Surroundings {
  /// The environment's variables.
  package static var variables: [String: String] { ProcessInfo.processInfo.environment }
}
