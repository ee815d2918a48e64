import Events
import Foundation

@testable import Console

/// Answers of a daemon, as the API's own JSON; `Tests/Live/test_console.py` holds what is decoded to the OpenAPI file
/// and to a real daemon.
enum Answers {
  /// 2026-03-02T05:00:00Z.
  static let now = Timestamp(nanoseconds: 1_772_427_600_000_000_000)

  static func decoded<Answer: Decodable>(_ type: Answer.Type, _ text: String) throws -> Answer {
    try decode(type, from: Array(text.utf8))
  }

  /// One model of the list.
  static func summary(
    _ model: String, _ version: String = "-", state: String = "healthy", urgency: Double = 0,
    accuracy: Double? = 0.94, latency: Double? = 43.5, drift: Double? = 0.3, severity: String? = nil,
    monitor: String = "accuracy", decision: String? = nil, heard: Int = 0
  ) -> String {
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "null" }
    func quoted(_ text: String) -> String {
      String(decoding: (try? JSONEncoder().encode(text)) ?? Data(), as: UTF8.self)
    }
    let time = "2026-03-02T04:" + String(format: "%02d:%02dZ", 59 - heard / 60, 59 - heard % 60)
    let alerts =
      severity.map {
        """
        {"monitor":"\(monitor)","metric":null,"severity":"\($0)","episode_id":"ep-1","opened_at":"2026-03-02T04:10:00Z"}
        """
      } ?? ""
    let decided = decision.map { #"{"id":"rt-5a11","state":"\#($0)","attempt":1,"open":true}"# } ?? "null"
    let drifted =
      drift.map {
        """
        {"score":\($0),"threshold":2.0,"drifted":1,"features":3,"severity":"high","at":"2026-03-02T04:59:00Z"}
        """
      } ?? "null"
    return """
      {"model":\(quoted(model)),"version":\(quoted(version)),"state":"\(state)","urgency":\(urgency),
       "preset":"reference","last_event_at":"\(time)","model_time":"2026-03-02T05:00:00Z","events":18000,
       "accuracy":\(number(accuracy)),"baseline_accuracy":0.95,"latency_ms":\(number(latency)),"drift":\(drifted),
       "recent_drift":[0.2,0.9,null,1.9,2.1,\(number(drift))],"alerts":[\(alerts)],"decision":\(decided),
       "next_allowed_retrain":"2026-03-03T04:10:00Z"}
      """
  }

  /// Nine models in every state, two of which have names that are meant to do harm.
  static let fleet = [
    summary(
      "fraud", "7", state: "alerting", urgency: 0.91, accuracy: 0.8, drift: 3.45, severity: "high",
      decision: "acked"),
    summary(
      "churn", "2026-02", state: "alerting", urgency: 0.6, latency: 312, severity: "medium",
      monitor: "latency"),
    summary("rain", state: "stale", urgency: 0.5, accuracy: 0.567, heard: 3_000),
    summary(
      "team/search-ranking-with-a-long-name", "candidate-12", state: "alerting", urgency: 0.4,
      severity: "low", monitor: "drift", decision: "issued"),
    summary("forecast", "3", state: "learning", urgency: 0.1, accuracy: nil, latency: nil, drift: nil),
    summary("\u{1b}[2J\u{1b}]0;owned\u{07}\u{202e}x\r\n", "1"),
    summary("価格予測モデル", "v2🚀"),
    summary("quiet", "1", state: "silenced"),
    summary("basket", "11"),
  ]

  static func models(_ models: [String] = fleet) throws -> [Console.ModelSummary] {
    try decoded(
      ModelListAnswer.self,
      """
      {"at":"2026-03-02T05:00:00Z","total":\(models.count),"matched":0,"by_state":{},"offset":0,"models":[\(models.joined(separator: ","))]}
      """
    ).models
  }

  static func status(received: Int = 181_000, at: String = "2026-03-02T05:00:00Z", journal: String = "ok")
    throws -> StatusAnswer
  {
    try decoded(
      StatusAnswer.self,
      """
      {"name":"demo","version":"0.6.0","state":"serving","since":"2026-03-02T00:00:00Z","now":"\(at)",
       "journal":{"state":"\(journal)","since":"2026-03-02T00:00:00Z","detail":null,"outputs_waiting":0,"commits":17995,
                  "bytes":1048576,"last_commit":"2026-03-02T04:59:59.8Z"},
       "account":{"received":\(received),"rejected":2,"heads":18000,"published":14,"alerts_opened":3,"decisions":1,
                  "reasons":{"duplicate":2,"gap":5,"word_of_a_later_version":1}},
       "models":{"total":9,"limit":10000,"by_state":{"healthy":3,"alerting":3,"stale":1,"learning":1,"silenced":1}},
       "sources":{"total":3,"limit":4096,"by_state":{"live":2,"stale":1,"ended":0,"silent":0}},
       "configuration":{"file":"/etc/tidemark.yaml","revision":1,"last_reload":null},
       "listeners":{"clients":1,"limit":16}}
      """)
  }

  static let byState = ["healthy": 4, "alerting": 3, "stale": 1, "learning": 1, "silenced": 1]

  static func source(
    _ name: String, received: Int = 18_000, lost: Int = 0, dropped: Int = 0, rejected: String = "{}",
    unsequenced: Int = 0, restarts: Int = 0, state: String = "live", offset: Double = 0.4
  ) -> String {
    """
    {"source":"\(name)","epoch":"1772409599123456789","sequence":"18000","received":\(received),"rejected":0,
     "rejected_by":\(rejected),"lost":\(lost),"duplicate":0,"stale":0,"late":0,"unsequenced":\(unsequenced),
     "restarts":\(restarts),"dropped":\(dropped),"state":"\(state)","last_heard":"2026-03-02T05:00:00.2Z",
     "clock_offset_ms":\(offset)}
    """
  }

  static let alert = """
    {"episode_id":"ep-2d1eddcc1a77ae24bedda7fb82257cec4fb7fcd2","model":"fraud","version":"7","source":null,
     "monitor":"accuracy","metric":null,"type":"accuracy_degradation","state":"firing","severity":"high","rev":1,
     "opened_at":"2026-03-02T04:10:00Z","changed_at":null,"value":0.8,"threshold":0.93,"top_k":[],
     "evidence":{"log10_e":6.8,"log10_e_threshold":4.0,"cases":1200,"effect":0.15,"minimum_effect":0.02,
       "change":{"at":"2026-03-02T04:02:00Z","measurements":12,"kind":"abrupt"},"quantile":null}}
    """

  static func model() throws -> Console.ModelDetail {
    let summary = summary(
      "fraud", "7", state: "alerting", urgency: 0.91, accuracy: 0.8, drift: 3.45, severity: "high",
      decision: "acked"
    )
    .replacingOccurrences(of: #""alerts":["#, with: #""_":["#).dropLast()
    return try decoded(
      Console.ModelDetail.self,
      """
      \(summary),
       "at":"2026-03-02T05:00:00.250Z","alerts":[\(alert)],
       "monitors":[
         {"monitor":"accuracy","metric":null,"state":"violated","value":0.8,"threshold":0.93,"direction":"below","score":1.7,
          "reference":"learned","seen":null,"wanted":null,
          "evidence":{"log10_e":6.8,"log10_e_threshold":4.0,"cases":1200,"effect":0.15,"minimum_effect":0.02,
            "change":{"at":"2026-03-02T04:02:00Z","measurements":12,"kind":"abrupt"},"quantile":null}},
         {"monitor":"latency","metric":null,"state":"watching","value":43.5,"threshold":200.0,"direction":"above","score":0.2175,
          "reference":null,"seen":null,"wanted":null,"evidence":null},
         {"monitor":"metric","metric":"conversion","state":"learning","value":null,"threshold":null,"direction":"outside",
          "score":null,"reference":"learned","seen":120,"wanted":400,"evidence":null}],
       "features":{"total":3,"drifted":1,"top":[
         {"name":"amount","drifted":true,"score":3.45,"baseline_mean":20.5,"new_mean":31.75,"log10_e":5.2,"cases":800,"distribution":null},
         {"name":"age","drifted":false,"score":0.12,"baseline_mean":41.2,"new_mean":41.9,"log10_e":0.1,"cases":800,"distribution":null}]},
       "sources":[\(source("pod-a", lost: 5)),\(source("pod-b"))],"sources_truncated":false,
       "retrain":{"mode":"issue","would_retrain":false,
         "rules":[
           {"rule":"accuracy_drop","fires":true,"value":0.13,"threshold":0.05,"unit":"accuracy","reason":"Accuracy dropped by 0.130"},
           {"rule":"drift","fires":false,"value":0.41,"threshold":2.0,"unit":"score","reason":null},
           {"rule":"elapsed_time","fires":false,"value":18000.0,"threshold":604800.0,"unit":"s","reason":null}],
         "blocks":[
           {"code":"minimum_time","text":"Waiting for minimum time (24.0h)","until":"2026-03-03T04:10:00Z"},
           {"code":"open_decision","text":"rt-5a114325429f0abf5f51b442434d79b615c0572a is acked","until":"2026-03-02T04:25:00Z"}],
         "minimum_time_s":86400.0,"last_retrain":"2026-03-02T04:10:00Z","coverage":0.9997,"economics":null},
       "timers":[
         {"timer":"start","at":"2026-03-02T05:25:00Z","text":"the attempt has failed unless it is started"},
         {"timer":"elapsed_time","at":"2026-03-09T04:10:00Z","text":"the time rule"}]}
      """)
  }

  static func decision(complete: Bool = true) throws -> DecisionDetail {
    try decoded(
      DecisionDetail.self,
      """
      {"at":"2026-03-02T05:00:00.250Z","id":"rt-5a114325429f0abf5f51b442434d79b615c0572a","model":"fraud","version":"7",
       "state":"acked","final":false,"attempt":1,"rev":2,"owner":"airflow-1","dry_run":false,
       "issued_at":"2026-03-02T04:10:00Z","changed_at":"2026-03-02T04:10:05Z","reason_codes":["accuracy_dropped"],
       "trigger_reasons":["Accuracy dropped by 0.130"],"severity_score":1.0,"coverage":0.9997,"complete":\(complete),
       "timers":[{"timer":"start","at":"2026-03-02T05:25:05Z","text":"the attempt has failed unless it is started"}],
       "messages":[
         {"specversion":"1.0","type":"tidemark.decision.retrain.issued.v1","source":"demo","id":"rt-5a11","time":"2026-03-02T04:10:00Z",
          "data":{"state":"issued","attempt":1,"constraints":{"accuracy_trigger":true,"drift_trigger":false,"time_trigger":false,"min_time_satisfied":true},
            "episodes":["ep-2d1eddcc1a77ae24bedda7fb82257cec4fb7fcd2","ep-gone"],"expires_after_s":86400.0,
            "data_window":{"from":"2026-03-01T04:00:00Z","to":"2026-03-02T04:10:00Z"}}},
         {"specversion":"1.0","type":"tidemark.decision.retrain.acked.v1","source":"demo","id":"rt-5a11.2","time":"2026-03-02T04:10:05Z",
          "data":{"state":"acked","attempt":1,"owner":"airflow-1","reason":null,"superseded_by":null,"final":false,"retry_at":null}}]}
      """)
  }

  /// `top` as it is some seconds after its start.
  static func state() throws -> TopState {
    var state = TopState(now: now)
    state.take(.link(.live))
    state.take(.status(try status(received: 178_532, at: "2026-03-02T04:59:58Z")))
    state.take(.status(try status()))
    state.take(.fleet(try models(), at: now, total: 9, byState: byState))
    return state
  }
}
