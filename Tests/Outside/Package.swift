// swift-tools-version: 6.2
import PackageDescription

// A package that depends on this one as anybody's would: what it needs must be in the products and public.
let package = Package(
  name: "outside",
  dependencies: [.package(name: "verbena", path: "../..")],
  targets: [
    .executableTarget(
      name: "outside",
      dependencies: [
        "Verbena", "EmulatedTransport", "VerbsTransport", "LustreWire", "RDMATransport",
      ]
      .map { .product(name: $0, package: "verbena") })
  ]
)
