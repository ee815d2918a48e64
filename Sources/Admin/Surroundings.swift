import Events

/// Figures of what lives beside the serving loop, read by whoever answers a request.
package struct Surroundings: Sendable {
  package var configuration: ConfigurationReport
  /// Lines that nobody took in time, or that were too many.
  package var logLinesDropped: UInt64
  package var sinks: [SinkFigures]

  package init(
    configuration: ConfigurationReport = ConfigurationReport(file: nil), logLinesDropped: UInt64 = 0,
    sinks: [SinkFigures] = []
  ) {
    (self.configuration, self.logLinesDropped, self.sinks) = (configuration, logLinesDropped, sinks)
  }

  /// What one sink did.
  package struct SinkFigures: Sendable {
    /// As the configuration names it.
    package var name: String
    package var outcomes: [(outcome: String, count: UInt64)]
    /// Messages that wait.
    package var queue: Int
    /// `idle`, `ok`, `failing` or `gone`.
    package var health: String

    var isFailing: Bool { health == "failing" || health == "gone" }

    package init(name: String, outcomes: [(outcome: String, count: UInt64)], queue: Int, health: String) {
      (self.name, self.outcomes, self.queue, self.health) = (name, outcomes, queue, health)
    }
  }
}

extension Surroundings {
  func write(to text: inout MetricsText, since: Timestamp) {
    text.family(
      "tidemark_config_last_reload_successful", .gauge, "Whether the last configuration given was taken.")
    text.sample(configuration.lastReload?.isSuccessful ?? true ? 1 : 0)
    text.family(
      "tidemark_config_last_reload_success_timestamp_seconds", .gauge,
      "When the configuration in force was taken, in seconds since 1970.")
    text.sample(Double((configuration.lastReload?.at ?? since).nanoseconds) / 1e9)
    text.family("tidemark_log_lines_dropped", .counter, "Lines of the log that nobody took, or too many.")
    text.sample(logLinesDropped)
    guard !sinks.isEmpty else { return }
    text.family("tidemark_sink_notifications", .counter, "What became of what sinks sent.")
    for sink in sinks {
      for (outcome, count) in sink.outcomes {
        text.sample([("sink", sink.name), ("outcome", outcome)], count)
      }
    }
    text.family("tidemark_sink_queue", .gauge, "Messages that wait to be sent by a sink.")
    for sink in sinks { text.sample([("sink", sink.name)], sink.queue) }
    text.family("tidemark_sink_failing", .gauge, "Whether a sink's last attempt failed, or it is gone.")
    for sink in sinks {
      text.sample([("sink", sink.name)], sink.isFailing ? 1 : 0)
    }
  }
}
