// swift-tools-version: 6.2
import PackageDescription

// Coverage and addresses are checked in everything that decodes; unsafe flags are why this is a package of
// its own, which nothing depends on.
let instrumented: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .unsafeFlags(["-sanitize=fuzzer,address"]),
]

func fuzzer(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: ["Wire", "Events", "CFuzzDriver"], path: name, swiftSettings: instrumented,
    // gold stumbles over what the sanitizers write for debuggers.
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
}

let package = Package(
  name: "tidemark",
  platforms: [.macOS(.v15)],
  dependencies: [.package(url: "https://github.com/apple/swift-crypto", from: "4.5.0")],
  targets: [
    .target(name: "Events", path: "Rooms/Events", swiftSettings: instrumented),
    .target(
      name: "Wire", dependencies: ["Events", .product(name: "Crypto", package: "swift-crypto")],
      path: "Rooms/Wire", swiftSettings: instrumented),
    .target(name: "CFuzzDriver", path: "CFuzzDriver"),
    fuzzer("MessageFuzzer"),
    fuzzer("DescriptorFuzzer"),
  ],
  swiftLanguageModes: [.v6]
)
