import Crypto
import Events
import Foundation
package import Logging

/// All sinks of one daemon, each on a thread of its own; none of them is waited for until the end.
package final class SinkService: Sendable {
  /// What the sinks have to finish once the daemon ends.
  package static let stopPatience = Duration.seconds(1)

  /// What the sinks share.
  package struct Surroundings: Sendable {
    package var settings: SinkSettings
    /// The daemon's name.
    package var instance: String
    package var exchange: SinkExchange
    /// Nil without a journal.
    package var backlog: SinkBacklog?
    /// Where cursors are kept; nil without a journal.
    package var directory: String?
    package var clock: @Sendable () -> SinkMoment
    package var log: Logger

    package init(
      settings: SinkSettings, instance: String, exchange: SinkExchange, backlog: SinkBacklog?,
      directory: String?, clock: @escaping @Sendable () -> SinkMoment, log: Logger
    ) {
      (self.settings, self.instance, self.exchange) = (settings, instance, exchange)
      (self.backlog, self.directory, self.clock, self.log) = (backlog, directory, clock, log)
    }
  }

  private let threads: [SinkThread]
  private let exchange: SinkExchange
  private let clock: @Sendable () -> SinkMoment

  /// Starts the threads.
  ///
  /// - Parameter transport: makes the connection of one sink; nil when there can be none, and then it has no thread.
  package init(
    _ surroundings: Surroundings,
    transport: () -> (any Transport)? = { CurlTransport() },
    random: () -> any RandomNumberGenerator & Sendable = { SystemRandomNumberGenerator() }
  ) {
    exchange = surroundings.exchange
    clock = surroundings.clock
    var threads: [SinkThread] = []
    for (index, made) in Self.sinks(surroundings, random).enumerated() {
      guard let transport = transport() else { continue }
      threads.append(
        SinkThread(
          .init(
            sink: made.sink, index: index, exchange: surroundings.exchange, backlog: surroundings.backlog,
            file: surroundings.directory.map { SinkCursorFile(directory: $0, sink: made.file) },
            transport: transport, clock: surroundings.clock, log: surroundings.log)))
    }
    self.threads = threads
    for thread in threads { thread.start() }
  }

  /// Each sink with the name of its cursor.
  private static func sinks(
    _ all: Surroundings, _ random: () -> any RandomNumberGenerator & Sendable
  ) -> [(sink: any Sink, file: String)] {
    var sinks: [(sink: any Sink, file: String)] = []
    if let settings = all.settings.alertmanager {
      for (index, url) in settings.urls.enumerated() {
        let name = settings.urls.count == 1 ? "alertmanager" : "alertmanager-\(index + 1)"
        // By the URL: what one Alertmanager was told says nothing about another.
        let digest = SHA256.hash(data: Array(url.utf8)).prefix(8).map { String(format: "%02x", $0) }.joined()
        sinks.append(
          (
            AlertmanagerSink(
              settings, url: url, name: name, instance: all.instance, externalURL: all.settings.externalURL,
              random: random()), "alertmanager-\(digest)"
          ))
      }
    }
    return sinks
      + all.settings.webhooks.map { (WebhookSink($0, random: random()), "webhook-\($0.name)") }
  }

  /// What each sink has done, in the order of the configuration: Alertmanagers, then webhooks. Cost: a lock a sink.
  package var reports: [(name: String, counts: SinkCounts)] { threads.map { ($0.name, $0.counts) } }

  /// Ends the threads: what is under way has until ``stopPatience`` after ``SinkExchange/close(at:)``.
  package func stop() {
    let now = clock().now
    exchange.end(by: now.advanced(by: Self.stopPatience))
    let left = exchange.closesAt.map { now.duration(to: $0) } ?? .zero
    let deadline = DispatchTime.now() + .nanoseconds(Int(max(0, left.clampedNanoseconds)))
    for thread in threads { thread.finish(by: deadline) }
  }
}
