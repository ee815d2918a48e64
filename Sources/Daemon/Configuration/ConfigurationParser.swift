import Decisions
import Engine
import Events
import Foundation
import Monitoring
import Yams
import ZeroMQ

/// Reads a YAML configuration strictly: whatever is wrong is found in one go.
struct ConfigurationParser {
  /// A configuration is written by people; anything larger is the wrong file.
  static let maximumBytes = 16 << 20
  /// What `history: 0`, keep all, comes to; 8 bytes a measurement or 56 a drift assessment.
  static let longestHistory = 100_000

  let file: String
  let allowsPlaintext: Bool
  /// Whether the files of keys are read; a replay opens no sockets and needs none.
  let readsKeys: Bool
  let notes = ConfigurationNode.ProblemNotes()

  init(file: String, allowsPlaintext: Bool, readsKeys: Bool = true) {
    self.file = file
    self.allowsPlaintext = allowsPlaintext
    self.readsKeys = readsKeys
  }

  func parse(_ text: String, defaultName: SourceName) throws(ConfigurationProblems) -> Configuration {
    var configuration = Configuration(name: defaultName)
    do {
      if let node = try Yams.compose(yaml: text) {
        read(ConfigurationNode(node: node, key: "", notes: notes), into: &configuration)
      }
    } catch {
      notes.problems.append(Self.problem(of: error))
    }
    guard notes.problems.isEmpty else { throw ConfigurationProblems(file: file, problems: notes.problems) }
    configuration.engine.revision = Self.revision(of: text, notes.baselines)
    configuration.origin = .init(file: file, text: text, allowsPlaintext: allowsPlaintext)
    return configuration
  }

  /// What the YAML parser itself could not read.
  static func problem(of error: any Error) -> ConfigurationProblems.Problem {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      .init(line: mark.line, key: "", message: "no YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      .init(
        line: context.mark.line, key: duplicates.joined(separator: ", "),
        message: "stands twice, want it once")
    default: .init(line: nil, key: "", message: "no YAML: \(error)")
    }
  }

  // MARK: Sections

  private func read(_ root: ConfigurationNode, into configuration: inout Configuration) {
    let members = root.members([
      "name", "preset", "batches_per_false_alarm", "state", "journal", "sockets", "models", "defaults",
      "unknown_models", "limits", "log", "sinks", "alerts", "fleet", "http", "security",
    ])
    if let name = members["name"] { readName(name, into: &configuration) }
    configuration.file = file
    if let http = members["http"] { readHTTP(http, into: &configuration) }
    readPreset(members, into: &configuration.engine.defaults)
    if let alerts = members["alerts"] { readAlerts(alerts, into: &configuration.engine) }
    if let fleet = members["fleet"] { readFleet(fleet, into: &configuration.engine.fleet) }
    readJournal(members, into: &configuration)
    if let sockets = members["sockets"] {
      readSockets(sockets, into: &configuration.sockets, under: members)
    }
    if let security = members["security"] { configuration.security = readSecurity(security) }
    if let log = members["log"] { readLog(log, into: &configuration.log) }
    if let limits = members["limits"] { readLimits(limits, into: &configuration) }
    if let sinks = members["sinks"] { readSinks(sinks, into: &configuration.sinks) }
    if let unknown = members["unknown_models"]?.choice(EngineSettings.UnknownModels.self) {
      configuration.engine.unknownModels = unknown
    }
    if let defaults = members["defaults"] {
      let parts = defaults.members(Self.modelParts)
      readModel(parts, into: &configuration.engine.defaults)
    }
    if let models = members["models"] { readModels(models, into: &configuration) }
  }

  private func readName(_ node: ConfigurationNode, into configuration: inout Configuration) {
    let want = "1 to \(Configuration.maximumNameBytes) bytes"
    guard let text = node.text(want: want) else { return }
    guard TopicSegment.encodedLength(of: text) <= Configuration.maximumNameBytes, let name = SourceName(text)
    else { return node.note("'\(text.prefix(80))' is too long, want \(want)") }
    configuration.name = name
  }

  private func readSockets(
    _ node: ConfigurationNode, into sockets: inout Configuration.Sockets,
    under root: [String: ConfigurationNode]
  ) {
    let members = node.members(["ingest", "features", "output", "control", "reliable", "ipc_group"])
    let isOpen = allowsPlaintext || root["security"] != nil
    let read = { (node: ConfigurationNode) in readEndpoints(node, isOpen: isOpen) }
    if let ingest = members["ingest"] { sockets.ingest = read(ingest) }
    if let features = members["features"] { sockets.features = read(features) }
    if let output = members["output"] { sockets.output = read(output) }
    if let control = members["control"] {
      sockets.control = read(control)
      sockets.isControlConfigured = true
    }
    if let group = members["ipc_group"] { sockets.ipcSharing = readGroup(group) }
    if let reliable = members["reliable"] {
      sockets.reliable = read(reliable)
      if root["state"] == nil {
        reliable.note("acknowledges what is stored, and nothing is, want state: DIRECTORY")
      }
    }
  }

  /// - Parameter isOpen: whether addresses that other machines reach are allowed.
  private func readEndpoints(_ node: ConfigurationNode, isOpen: Bool) -> [Endpoint] {
    let want = "a list of endpoints, such as [tcp://127.0.0.1:7410, ipc:///run/tidemark/ingest]"
    guard let elements = node.elements(want: want) else { return [] }
    if elements.isEmpty { node.note("an empty list, want \(want)") }
    return elements.compactMap { element -> Endpoint? in
      guard let text = element.text(want: "an endpoint") else { return nil }
      do throws(Endpoint.Invalid) {
        let endpoint = try Endpoint(parsing: text)
        guard endpoint.isLocal || isOpen else {
          element.note(
            "\(endpoint) can be reached from other machines and nothing on it is encrypted or authenticated, "
              + "want a loopback address or ipc, or security: with keys, or --insecure-plaintext")
          return nil
        }
        if case .tcp(let host, _) = endpoint, ["localhost", "[::1]"].contains(host) {
          element.note("\(endpoint) names no interface, want tcp://127.0.0.1:PORT")
          return nil
        }
        if case .inproc = endpoint {
          element.note("\(endpoint) reaches nobody outside this process, want tcp or ipc")
          return nil
        }
        return endpoint
      } catch {
        element.note(error.description)
        return nil
      }
    }
  }

  private func readLimits(_ node: ConfigurationNode, into configuration: inout Configuration) {
    let members = node.members(["models", "sources", "feature_columns", "frame_bytes", "message_bytes"])
    if let models = members["models"]?.integer(1...1_000_000) { configuration.engine.limits.models = models }
    if let sources = members["sources"]?.integer(1...1_000_000) {
      configuration.engine.limits.sources = sources
    }
    if let columns = members["feature_columns"]?.integer(1...100_000_000) {
      configuration.engine.limits.columns = columns
    }
    let bytes = 1_024...(1 << 30)
    if let frame = members["frame_bytes"]?.integer(bytes) { configuration.wire.frameBytes = frame }
    if let message = members["message_bytes"]?.integer(bytes) { configuration.wire.messageBytes = message }
  }

  private static let modelParts = [
    "preset", "batches_per_false_alarm", "baseline", "performance", "metrics", "drift", "retrain",
    "no_data_after", "alerts",
  ]

  /// What may stand once; an absent version counts as one.
  private struct Entry: Hashable {
    var name: String
    var version: String?
  }

  private func readModels(_ node: ConfigurationNode, into configuration: inout Configuration) {
    guard let elements = node.elements(want: "a list of models") else { return }
    var seen: [Entry: String] = [:]
    for element in elements {
      let members = element.members(["name", "version"] + Self.modelParts)
      var settings = configuration.engine.defaults
      readModel(members, into: &settings)
      guard let nameNode = members["name"] else {
        element.note("has no name, want the model's name")
        continue
      }
      let name = nameNode.text(want: "the model's name")
      let version = members["version"]?.text(want: "the model's version")
      guard let name else { continue }
      guard let modelName = ModelName(name) else {
        nameNode.note("'\(name.prefix(80))' is too long, want 1 to \(ModelName.maximumEncodedBytes) bytes")
        continue
      }
      let modelVersion = version.flatMap(ModelVersion.init)
      if let version, modelVersion == nil {
        members["version"]?.note(
          "'\(version.prefix(80))' is too long, want 1 to \(ModelVersion.maximumEncodedBytes) bytes")
        continue
      }
      if let first = seen.updateValue(element.key, forKey: Entry(name: name, version: version)) {
        nameNode.note(
          "'\(name)' \(version.map { "version '\($0)'" } ?? "without version") stands twice "
            + "(first as \(first)), want each name and version once")
        continue
      }
      configuration.engine.add(settings, name: modelName, version: modelVersion)
    }
    configuration.configuredModels = elements.count
  }

  // MARK: One model

  private func readModel(_ members: [String: ConfigurationNode], into settings: inout ModelSettings) {
    readPreset(members, into: &settings)
    if let baseline = members["baseline"] { readBaseline(baseline, into: &settings) }
    if let performance = members["performance"] { readPerformance(performance, into: &settings) }
    if let metrics = members["metrics"] { readMetrics(metrics, into: &settings) }
    if let drift = members["drift"] { readDrift(drift, into: &settings.drift) }
    if let retrain = members["retrain"] { readRetrain(retrain, into: &settings.retrain) }
    if let alerts = members["alerts"] { readAlerts(alerts, into: &settings.alerts) }
    settings.refreshDriftThreshold()
    if let silence = members["no_data_after"]?.duration() {
      settings.noDataAfter = silence == .zero ? nil : silence
    }
  }

  private func readBaseline(_ node: ConfigurationNode, into settings: inout ModelSettings) {
    let members = node.members(
      ["accuracy", "latency_ms", "correct", "total", "latency_quantiles_ms", "features"] + Self.learningKeys)
    let want = "a number from 0"
    readReference(node, members, into: &settings)
    if let accuracy = members["accuracy"]?.number(0...Double.greatestFiniteMagnitude, want: want) {
      settings.baselineAccuracy = accuracy
      settings.standard.accuracy = accuracy
    }
    _ = members["latency_ms"]?.number(0...Double.greatestFiniteMagnitude, want: want)
    if let features = members["features"] {
      let table = BaselineTable(directory: URL(fileURLWithPath: file).deletingLastPathComponent())
      if let baseline = table.read(features) {
        settings.baselineFeatures = baseline
        notes.baselines.append(Self.checksum(of: baseline))
      }
    }
    readLearning(members, into: &settings)
  }

  private func readPerformance(_ node: ConfigurationNode, into model: inout ModelSettings) {
    let members = node.members(["accuracy_ratio", "latency_ms", "minimum_drop", "window", "history"])
    if let drop = members["minimum_drop"]?.number(0...1, want: "a share from 0 to 1") {
      model.standard.minimumDrop = drop
    }
    readPerformance(members, into: &model.performance)
  }

  private func readPerformance(
    _ members: [String: ConfigurationNode], into settings: inout PerformanceSettings
  ) {
    if let ratio = members["accuracy_ratio"]?.number(0...1, want: "a share from 0 to 1") {
      settings.accuracyRatio = ratio
    }
    if let limit = members["latency_ms"]?.number(
      0...Double.greatestFiniteMagnitude, want: "milliseconds from 0")
    {
      settings.latencyLimitMilliseconds = limit
    }
    if let window = members["window"]?.integer(1...Self.longestHistory / 2) {
      settings.window = window
      // Room for the window and the one before it, unless the file says otherwise.
      settings.history = max(settings.history, 2 * window)
    }
    guard let historyNode = members["history"],
      let history = historyNode.integer(0...Self.longestHistory)
    else { return }
    settings.history = history == 0 ? Self.longestHistory : history
    if settings.history < 2 * settings.window {
      historyNode.note(
        "\(history) measurements hold no two windows of \(settings.window), want at least \(2 * settings.window)"
      )
    }
  }

  private func readDrift(_ node: ConfigurationNode, into settings: inout DriftSettings) {
    let members = node.members(["threshold", "history"])
    if let threshold = members["threshold"]?.number(
      0...Double.greatestFiniteMagnitude, want: "baseline deviations from 0")
    {
      settings.threshold = threshold
    }
    if let history = members["history"]?.integer(0...Self.longestHistory) {
      settings.history = history == 0 ? Self.longestHistory : history
    }
  }

  private func readRetrain(_ node: ConfigurationNode, into policy: inout RetrainPolicy) {
    let members = node.members(
      [
        "mode", "accuracy_threshold", "drift_threshold", "min_time_between_retrains",
        "max_time_without_retrain", "drift_severity_weights", "idle_evaluation",
      ] + Self.lifeKeys)
    let numbers = 0...Double.greatestFiniteMagnitude
    if let mode = members["mode"]?.choice(RetrainPolicy.Mode.self) { policy.mode = mode }
    if let threshold = members["accuracy_threshold"]?.number(numbers, want: "a number from 0") {
      policy.accuracyThreshold = threshold
    }
    if let threshold = members["drift_threshold"]?.number(numbers, want: "a number from 0") {
      policy.driftThreshold = threshold
    }
    if let minimum = members["min_time_between_retrains"]?.duration() {
      policy.minimumTimeBetweenRetrains = minimum
    }
    // A time rule that is always due would decide without end.
    if let maximum = members["max_time_without_retrain"]?.duration(atLeast: .seconds(1)) {
      policy.maximumTimeWithoutRetrain = maximum
    }
    if let idle = members["idle_evaluation"]?.duration() { policy.idleEvaluation = idle }
    readLife(members, into: &policy.life)
    guard let weights = members["drift_severity_weights"]?.members(["low", "medium", "high"]) else { return }
    let want = "a number from 0"
    if let low = weights["low"]?.number(numbers, want: want) { policy.driftSeverityWeights.low = low }
    if let medium = weights["medium"]?.number(numbers, want: want) {
      policy.driftSeverityWeights.medium = medium
    }
    if let high = weights["high"]?.number(numbers, want: want) { policy.driftSeverityWeights.high = high }
  }
}
