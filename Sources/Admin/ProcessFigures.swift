import Foundation

/// What the system tells of this process, under the names that every exporter uses; what cannot be read is left out.
struct ProcessFigures {
  private var cpuSeconds: Double?
  private var residentBytes: Int64?
  private var virtualBytes: Int64?
  private var openFiles: Int?
  private var maximumFiles: UInt64?
  private var startSeconds: Double?

  static var now: ProcessFigures {
    var figures = ProcessFigures()
    figures.readUsage()
    figures.readStat()
    return figures
  }

  private mutating func readUsage() {
    var usage = rusage()
    #if canImport(Glibc)
      let own = RUSAGE_SELF.rawValue
      let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let own = RUSAGE_SELF
      let files = RLIMIT_NOFILE
    #endif
    if getrusage(own, &usage) == 0 {
      func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
      cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
    var limit = rlimit()
    if getrlimit(files, &limit) == 0 { maximumFiles = UInt64(limit.rlim_cur) }
    do {
      openFiles = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    } catch { openFiles = nil }
  }

  /// proc(5): after the name in parentheses, which may hold spaces, the state is field 3.
  private mutating func readStat() {
    let text: String
    do { text = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8) } catch { return }
    guard let end = text.lastIndex(of: ")") else { return }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 21 else { return }
    virtualBytes = Int64(fields[20])
    residentBytes = Int64(fields[21]).map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) }
    if let ticks = Double(fields[19]), let boot = Self.bootSeconds {
      startSeconds = boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
  }

  private static let bootSeconds: Double? = {
    do {
      let lines = try String(contentsOfFile: "/proc/stat", encoding: .utf8).split(separator: "\n")
      return lines.first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    } catch { return nil }
  }()

  func write(to text: inout MetricsText) {
    if let cpuSeconds {
      text.family("process_cpu_seconds", .counter, "Processor time of all threads.")
      text.sample(cpuSeconds)
    }
    gauge("process_resident_memory_bytes", "Memory in RAM.", residentBytes.map { Double($0) }, &text)
    gauge("process_virtual_memory_bytes", "Addresses in use.", virtualBytes.map { Double($0) }, &text)
    gauge("process_open_fds", "Files that are open.", openFiles.map { Double($0) }, &text)
    gauge("process_max_fds", "Files that may be open.", maximumFiles.map { Double($0) }, &text)
    gauge("process_start_time_seconds", "When it began, in seconds since 1970.", startSeconds, &text)
  }

  private func gauge(_ name: String, _ help: String, _ value: Double?, _ text: inout MetricsText) {
    guard let value else { return }
    text.family(name, .gauge, help)
    text.sample(value)
  }
}
