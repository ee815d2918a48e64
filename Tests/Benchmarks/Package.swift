// swift-tools-version: 6.2
import PackageDescription

/// Benchmarks in Swift, apart from the main package so that nothing here is built by those who use it.
/// `Rooms` is a link to the main package's sources: what is timed is the code itself, with its
/// package-level access, and not a copy.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Rooms/\(name)",
    // As the main package has it: some rooms rely on it.
    swiftSettings: [.enableUpcomingFeature("InternalImportsByDefault")])
}

let package = Package(
  name: "tidemark-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .systemLibrary(name: "CZeroMQ", path: "Rooms/CZeroMQ"),
    room("ZeroMQ", ["CZeroMQ"]),
    .target(name: "CKernels", path: "Rooms/CKernels"),
    room("Statistics", ["CKernels"]),
    room("Detection", ["Statistics"]),
    room("Events"),
    room("Wire", ["Events", .product(name: "Crypto", package: "swift-crypto")]),
    room("Monitoring", ["Events", "Detection", "Statistics"]),
    room("Journal", ["Events", .product(name: "GRDB", package: "GRDB.swift")]),
    .executableTarget(
      name: "kernel-benchmark", dependencies: ["Statistics", "Detection", "Monitoring", "Events"],
      path: "KernelBenchmark",
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    .target(name: "CMeter", path: "CMeter"),
    .executableTarget(
      name: "evaluation-benchmark", dependencies: ["CMeter", "Detection", "Statistics"],
      path: "EvaluationBenchmark",
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    .executableTarget(
      name: "wire-benchmark", dependencies: ["ZeroMQ", "Wire", "Events"], path: "WireBenchmark"),
    .executableTarget(
      name: "journal-benchmark", dependencies: ["Journal", "Events"], path: "JournalBenchmark"),
  ],
  swiftLanguageModes: [.v6]
)
