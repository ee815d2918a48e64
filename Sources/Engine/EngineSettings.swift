package import Decisions
package import Events
package import Monitoring

/// Which rules judge a model.
package enum Preset: String, CaseIterable, Sendable {
  /// Fixed limits: the latest value decides.
  case reference
  /// Evidence against a reference, with a bound on false alarms.
  case standard
}

/// What the engine is told about one model, or about models that appear.
package struct ModelSettings: Sendable {
  /// Accuracy expected until a baseline says otherwise.
  package static let defaultAccuracy = 0.95

  package var preset = Preset.reference
  package var baselineAccuracy = Self.defaultAccuracy
  package var baselineFeatures: FeatureBaseline?
  package var performance = PerformanceSettings()
  /// Of preset `standard` alone.
  package var standard = StandardSettings()
  package var drift = DriftSettings()
  package var retrain = RetrainPolicy()
  package var alerts = AlertConfiguration()
  /// A model that is silent for so long, by arrival, is told as alert `no_data`; nil never.
  package var noDataAfter: Duration?

  package init() {}
}

/// Bounds of what the engine holds.
package struct EngineLimits: Sendable, Equatable {
  /// Models watched; 4.7 KiB each with default rings, so 47 MiB, beside 80 bytes a feature column, or 2 KiB under preset
  /// `standard`.
  package var models = 10_000
  /// Feature columns of all models' baselines, a season's parts each: at 150 bytes 150 MiB, under preset `standard` at
  /// 2 KiB 2 GiB. One batch may have 65,536, so without it 10,000 models could ask for a hundred GiB.
  package var columns = 1_000_000
  /// Sources accounted for; at most 25 KiB each, for those that send no sequence numbers: 100 MiB.
  package var sources = 4_096

  package init() {}
}

/// Everything the engine is made from.
package struct EngineSettings: Sendable {
  package enum UnknownModels: String, CaseIterable, Sendable {
    case register
    case reject
  }

  /// The template for models that no entry names.
  package var defaults = ModelSettings()
  package var unknownModels = UnknownModels.register
  package var limits = EngineLimits()
  package var fleet = FleetSettings()
  /// How often what is open is sent again, for whoever sends it; here it says how long a word holds.
  package var resend = Duration.seconds(60)
  /// Names these settings, in 12 hexadecimal digits; empty where nobody asks. Two with the same one decide alike.
  package var revision = ""
  /// Whether decisions are sent again, expire and time out. Events without arrival times of their own, as in a
  /// file of plain events, say nothing of when somebody acted.
  package var runsDecisionTimers = true
  /// What ids of decisions and tokens of claims are made with.
  package let digest: Digest
  private var exact: [ModelKey: ModelSettings] = [:]
  private var anyVersion: [ModelName: ModelSettings] = [:]

  package init(digest: @escaping Digest) { self.digest = digest }

  /// Adds an entry; one without a version speaks for every version that has none of its own.
  package mutating func add(_ settings: ModelSettings, name: ModelName, version: ModelVersion?) {
    if let version {
      exact[ModelKey(name: name, version: version)] = settings
    } else {
      anyVersion[name] = settings
    }
  }

  /// What applies to a model; nil when it is unknown and unknown models are rejected.
  package func settings(for model: ModelKey) -> ModelSettings? {
    exact[model] ?? anyVersion[model.name] ?? (unknownModels == .register ? defaults : nil)
  }
}
