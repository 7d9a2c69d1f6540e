// swift-tools-version: 6.2
import PackageDescription

// Fuzz targets need flags that make a package unfit as a dependency, so they exist on demand only.
// Optimised code runs ten times as many inputs, and its preconditions stay.
let isFuzzing = Context.environment["VERBENA_FUZZ"] != nil
let fuzzFlags = ["-sanitize=fuzzer,address"]

let settings: [SwiftSetting] =
  [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
  ] + (isFuzzing ? [.unsafeFlags(fuzzFlags + ["-O"])] : [])
let verbs: TargetDependencyCondition? = .when(traits: ["Verbs"])
let containers: Target.Dependency = .product(name: "BasicContainers", package: "swift-collections")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "verbena",
  products: [
    .library(name: "Verbena", targets: ["Verbena"]),
    .library(name: "EmulatedTransport", targets: ["EmulatedTransport"]),
    .library(name: "VerbsTransport", targets: ["VerbsTransport"]),
    // What the interfaces of these are written in.
    .library(name: "LustreWire", targets: ["LustreWire"]),
    .library(name: "RDMATransport", targets: ["RDMATransport"]),
    .executable(name: "verbena", targets: ["VerbenaCommand"]),
  ],
  traits: [
    .trait(name: "Verbs", description: "Build the libibverbs and librdmacm backend."),
    .default(enabledTraits: ["Verbs"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // Pure rooms: deterministic, no clock, thread, lock, file or system call.
    .target(name: "LustreWire", swiftSettings: settings),
    .target(name: "Structures", dependencies: [containers], swiftSettings: settings),
    .target(
      name: "RDMATransport", dependencies: ["Structures", containers], swiftSettings: settings),
    .target(
      name: "LNet", dependencies: ["LustreWire", "Structures", "RDMATransport", containers],
      swiftSettings: settings),
    .target(
      name: "O2IBLND",
      dependencies: ["LNet", "LustreWire", "Structures", "RDMATransport", containers],
      swiftSettings: settings),
    .target(
      name: "Connections",
      dependencies: ["PtlRPC", "LNet", "LustreWire", "Structures", "RDMATransport", containers],
      swiftSettings: settings),
    .target(
      name: "PtlRPC",
      dependencies: ["LNet", "LustreWire", "Structures", "RDMATransport", containers],
      swiftSettings: settings),
    .target(
      name: "Roles",
      dependencies: [
        "NodeCore", "Storage", "Connections", "PtlRPC", "LNet", "LustreWire", "Structures",
        "RDMATransport", containers,
      ], swiftSettings: settings),
    .target(
      name: "NodeCore",
      dependencies: [
        "Connections", "PtlRPC", "O2IBLND", "LNet", "LustreWire", "Structures", "RDMATransport",
        containers,
      ], swiftSettings: settings),
    .target(
      name: "Storage", dependencies: ["LustreWire", "Structures", "RDMATransport", containers],
      swiftSettings: settings),
    .target(name: "Capture", dependencies: ["LustreWire"], swiftSettings: settings),

    // What two threads share: used by those who have threads.
    .target(name: "Rings", swiftSettings: settings),

    // Backends.
    .systemLibrary(
      name: "CRDMA", pkgConfig: "librdmacm",
      providers: [.apt(["libibverbs-dev", "librdmacm-dev"])]),
    .target(name: "CRDMAShims", cSettings: [.define("CRDMA_ENABLED", .when(traits: ["Verbs"]))]),
    .target(name: "CLinuxShims"),
    .target(
      name: "VerbsTransport",
      dependencies: [
        "RDMATransport", "Structures", "Rings", "CLinuxShims", containers,
        .target(name: "CRDMA", condition: verbs), .target(name: "CRDMAShims", condition: verbs),
      ], swiftSettings: settings),
    .target(
      name: "EmulatedTransport",
      dependencies: ["RDMATransport", "Structures", "Rings", "CLinuxShims", containers],
      swiftSettings: settings),
    .target(
      name: "TransportTools",
      dependencies: ["RDMATransport", "Structures", "Capture", "LustreWire"],
      swiftSettings: settings),

    .target(
      name: "Simulation",
      dependencies: [
        "NodeCore", "Connections", "PtlRPC", "O2IBLND", "LNet", "LustreWire", "Structures",
        "RDMATransport",
        containers,
      ], swiftSettings: settings),

    // Nodes on loops, for programs.
    .target(
      name: "Verbena",
      dependencies: [
        "Roles", "NodeCore", "Connections", "PtlRPC", "O2IBLND", "LNet", "LustreWire", "Structures",
        "RDMATransport", "Rings", "CLinuxShims", "Storage", containers, logging,
      ], swiftSettings: settings),

    // The command, and what measures.
    .target(
      name: "BenchKit",
      dependencies: [
        "Verbena", "Roles", "NodeCore", "Connections", "PtlRPC", "O2IBLND", "LNet", "LustreWire",
        "RDMATransport", "CLinuxShims", "Structures",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ], swiftSettings: settings),
    .executableTarget(
      name: "VerbenaCommand",
      dependencies: [
        "BenchKit", "Capture", "CLinuxShims", "Connections", "EmulatedTransport", "LustreWire",
        "LNet", "O2IBLND", "PtlRPC", "RDMATransport", "Roles", "TransportTools", "VerbsTransport",
        "Verbena", arguments, logging,
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ], swiftSettings: settings),

    // Programs that show the library's use; tests run them.
    .executableTarget(
      name: "ask-target",
      dependencies: ["Verbena", "EmulatedTransport", "LustreWire", "RDMATransport"],
      path: "Sources/Examples/ask-target", swiftSettings: settings),
    .executableTarget(
      name: "mount-and-copy",
      dependencies: ["Verbena", "EmulatedTransport", "LustreWire", "RDMATransport"],
      path: "Sources/Examples/mount-and-copy", swiftSettings: settings),
    .executableTarget(
      name: "own-target",
      dependencies: ["Verbena", "EmulatedTransport", "LustreWire", "RDMATransport"],
      path: "Sources/Examples/own-target", swiftSettings: settings),

    .testTarget(name: "TidyTests"),

    // One suite of assertions on what a transport must do, run on every backend.
    .target(
      name: "TransportConformance",
      dependencies: ["RDMATransport", "CLinuxShims", "CAllocationCounter"],
      path: "Tests/Conformance/TransportConformance", swiftSettings: settings),
    // The same of two nodes on one transport.
    .target(
      name: "NodeConformance", dependencies: ["Verbena", "O2IBLND", "LustreWire", "RDMATransport"],
      path: "Tests/Conformance/NodeConformance", swiftSettings: settings),
    .executableTarget(
      name: "transport-conformance",
      dependencies: [
        "TransportConformance", "NodeConformance", "VerbsTransport", "RDMATransport",
      ],
      path: "Tests/Conformance/transport-conformance", swiftSettings: settings),
    .testTarget(
      name: "ConformanceTests",
      dependencies: [
        "TransportConformance", "NodeConformance", "EmulatedTransport", "Simulation", "RDMATransport",
        "Structures",
      ],
      path: "Tests/Conformance/ConformanceTests"),
    .testTarget(
      name: "VerbsTransportTests",
      dependencies: ["VerbsTransport", "RDMATransport", "Structures", "CLinuxShims"]),

    .testTarget(
      name: "LustreWireTests",
      dependencies: ["LustreWire", "WireSupport", "CAllocationCounter"]),
    // RPCs made again from their values, for tests and fuzzing.
    .target(
      name: "WireSupport", dependencies: ["LustreWire"], path: "Tests/WireSupport",
      swiftSettings: settings),
    .testTarget(name: "StructuresTests", dependencies: ["Structures"]),
    .testTarget(name: "RingsTests", dependencies: ["Rings", "CLinuxShims"]),
    .testTarget(name: "RDMATransportTests", dependencies: ["RDMATransport", "Structures"]),
    .testTarget(name: "CaptureTests", dependencies: ["Capture", "LustreWire", "WireSupport"]),
    .testTarget(
      name: "LNetTests",
      dependencies: ["LNet", "LustreWire", "Structures", "RDMATransport", "CAllocationCounter"]),
    // Nodes in virtual time, each with a program: for tests of what stands on NodeCore.
    .target(
      name: "NodeWorld",
      dependencies: [
        "Simulation", "NodeCore", "Roles", "Storage", "Connections", "PtlRPC", "O2IBLND", "LNet",
        "LustreWire", "Structures", "RDMATransport", containers,
      ], path: "Tests/NodeWorld", swiftSettings: settings),
    .testTarget(
      name: "RolesTests",
      dependencies: [
        "Roles", "NodeWorld", "NodeCore", "Simulation", "Storage", "Connections", "PtlRPC", "LNet",
        "LustreWire", "Structures", "RDMATransport", "CAllocationCounter",
      ]),
    .testTarget(
      name: "ConnectionsTests",
      dependencies: [
        "Connections", "NodeWorld", "PtlRPC", "NodeCore", "Simulation", "O2IBLND", "LNet",
        "LustreWire", "Structures", "RDMATransport", "CAllocationCounter",
      ]),
    .testTarget(
      name: "StorageTests",
      dependencies: [
        "Storage", "Verbena", "LustreWire", "Structures", "RDMATransport", "CLinuxShims",
        "CAllocationCounter",
      ]),
    // Counts allocations in the test bundle.
    .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
    .testTarget(
      name: "O2IBLNDTests",
      dependencies: [
        "O2IBLND", "LNet", "LustreWire", "Structures", "RDMATransport", "CAllocationCounter",
        containers,
      ]),
    .testTarget(
      name: "PtlRPCTests",
      dependencies: [
        "PtlRPC", "NodeWorld", "NodeCore", "Simulation", "O2IBLND", "LNet", "LustreWire",
        "Structures", "RDMATransport", "CAllocationCounter",
      ]),
    .testTarget(
      name: "TransportToolsTests",
      dependencies: [
        "TransportTools", "TransportConformance", "EmulatedTransport", "RDMATransport", "Capture",
        "LustreWire",
      ]),
    .testTarget(
      name: "EmulatedTransportTests",
      dependencies: [
        "EmulatedTransport", "RDMATransport", "Structures", "CLinuxShims", "CAllocationCounter",
      ]),
    .testTarget(
      name: "VerbenaTests",
      dependencies: [
        "Verbena", "BenchKit", "Connections", "EmulatedTransport", "LNet", "LustreWire", "NodeCore",
        "PtlRPC", "RDMATransport", "Roles",
      ]),
    .testTarget(
      name: "BenchKitTests",
      dependencies: [
        "BenchKit", "EmulatedTransport", "LNet", "LustreWire", "NodeCore", "RDMATransport",
        "Verbena",
      ]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "ask-target", "mount-and-copy", "own-target",
        "VerbenaCommand", "Verbena", "EmulatedTransport", "RDMATransport", "BenchKit", "LustreWire",
        "O2IBLND", arguments, logging,
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Simulation", "NodeCore", "O2IBLND", "LNet", "LustreWire", "Structures", "RDMATransport",
      ]),
  ]
)

// The thread sanitizer for the modules of this package only (`Tests/run tsan`): given to
// `swift build` it covers every package, and this compiler crashes on BasicContainers with it.
// It also crashes on StorageTests, which then only drives what is instrumented.
if Context.environment["VERBENA_TSAN"] != nil {
  for target in package.targets where target.type != .system && target.name != "StorageTests" {
    target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(["-fsanitize=thread"])]
    target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=thread"])]
    target.linkerSettings = (target.linkerSettings ?? []) + [.unsafeFlags(["-sanitize=thread"])]
  }
}

// One executable per fuzz target: folder and name are the same. A name that ends in `-planted` has a bug.
func fuzz(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: ["FuzzSupport"] + dependencies, path: "Tests/Fuzz/\(name)",
    swiftSettings: settings,
    linkerSettings: [.unsafeFlags(fuzzFlags + ["-use-ld=lld"])])
}
if isFuzzing {
  package.targets += [
    .target(name: "FuzzDriver", path: "Tests/Fuzz/FuzzDriver"),
    .target(
      name: "FuzzSupport", dependencies: ["FuzzDriver"], path: "Tests/Fuzz/FuzzSupport",
      swiftSettings: settings),
    fuzz("fuzz-message", ["LustreWire"]),
    fuzz("fuzz-header", ["LustreWire"]),
    fuzz("fuzz-ping", ["LustreWire"]),
    fuzz("fuzz-text", ["LustreWire"]),
    fuzz("fuzz-reject", ["LustreWire"]),
    fuzz("fuzz-rpc", ["LustreWire", "WireSupport"]),
    fuzz("fuzz-capture", ["Capture", "LustreWire"]),
    fuzz("fuzz-events", ["Simulation"]),
    fuzz("fuzz-requests", ["NodeWorld"]),
    fuzz("fuzz-replies", ["NodeWorld"]),
    fuzz("fuzz-canary-planted", ["LustreWire"]),
  ]
}
