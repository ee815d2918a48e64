// swift-tools-version: 6.2
import PackageDescription

/// Settings that every Swift target shares: warnings are errors, existentials are spelled out.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

/// A Swift target of the house, with its dependencies in the order of DESIGN's table.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of one room, `Tests/<name>Tests`, with what all tests share.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
  name: "tidemark",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "tidemark", targets: ["tidemark"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CZeroMQ", providers: [.apt(["libzmq3-dev"]), .brew(["zeromq"])]),
    room("ZeroMQ", ["CZeroMQ"]),
    room("Events", []),
    room("Wire", ["Events", .product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "CKernels", linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    room("Statistics", ["CKernels"]),
    room("Detection", ["Statistics"]),
    room("Monitoring", ["Events", "Detection", "Statistics"]),
    room("Decisions", ["Events"]),
    room("Engine", ["Events", "Monitoring", "Decisions"]),
    room("Journal", ["Events", .product(name: "GRDB", package: "GRDB.swift")]),
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    room(
      "Sinks",
      [
        "CCurl", "Events", "Wire", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Admin",
      dependencies: [
        "Events", "Wire", .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
      ], exclude: ["Dashboard/Page", "Dashboard/embed.py", "Dashboard/README.md"], swiftSettings: strict),
    room(
      "Daemon",
      [
        "Admin", "ZeroMQ", "Events", "Wire", "Detection", "Monitoring", "Decisions", "Engine", "Journal",
        "Sinks", "Yams",
        .product(name: "Logging", package: "swift-log"),
      ]),
    room("Console", ["Events", "Wire"]),
    .executableTarget(
      name: "tidemark",
      dependencies: [
        "Console", "Daemon", "Events", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .target(name: "TestSupport", dependencies: ["Events"], path: "Tests/TestSupport", swiftSettings: strict),
    tests("ZeroMQ", ["ZeroMQ", "CZeroMQ"]),
    tests("Wire", ["Wire", "Events"]),
    tests("Statistics", ["Statistics"]),
    tests("Detection", ["Detection", "Statistics"]),
    tests("Monitoring", ["Monitoring", "Events", "Detection"]),
    tests("Decisions", ["Decisions", "Events"]),
    tests("Engine", ["Engine", "Events", "Monitoring", "Decisions", "Wire"]),
    tests("Journal", ["Journal", "Events", .product(name: "GRDB", package: "GRDB.swift")]),
    tests("Sinks", ["Sinks", "Events", .product(name: "Logging", package: "swift-log")]),
    tests(
      "Daemon",
      [
        "Daemon", "ZeroMQ", "Events", "Engine", "Monitoring", "Wire", "Journal",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests("Console", ["Console", "Events"]),
    tests(
      "Admin",
      [
        "Admin", "Events", "Wire", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["Daemon", "Events", "Engine", "Decisions", "Wire", "Journal", "TestSupport"],
      exclude: ["campaign.md"], swiftSettings: strict),
    tests("Tidy", []),
  ],
  swiftLanguageModes: [.v6]
)

// A sanitizer needs a build of its own, and a build of all tests takes minutes: the names given here, alone.
if let chosen = Context.environment["TIDEMARK_TEST_TARGETS"]?.split(separator: ",").map(String.init) {
  package.targets.removeAll { $0.type == .test && !chosen.contains($0.name) }
}
