// swift-tools-version: 6.2
import PackageDescription

// What is measured here is `package` in the package above: its rooms, one by one. So this one compiles under the
// other's name, which is that of its folder.
let parent = Context.packageDirectory.split(separator: "/").dropLast(2).last ?? "verbena"

let package = Package(
  name: "micro",
  dependencies: [
    .package(name: "verbena", path: "../.."),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
  ],
  targets: [
    .executableTarget(
      name: "verbena-micro",
      dependencies: [
        .product(name: "Verbena", package: "verbena"),
        .product(name: "EmulatedTransport", package: "verbena"),
        .product(name: "BasicContainers", package: "swift-collections"),
      ],
      packageAccess: false,
      swiftSettings: [
        .unsafeFlags(["-package-name", parent.lowercased()]),
        .enableExperimentalFeature("Lifetimes"),
      ])
  ]
)
