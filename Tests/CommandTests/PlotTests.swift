// Property: the plot scripts draw what benchmarks write, as SVG and PNG, with nothing from outside.
// Method: gnuplot runs each on the files of a short benchmark; an SVG has a line for each series that is in the file.
import Foundation
import Testing

@Suite(.serialized) struct PlotTests {
  private static let gnuplot = "/usr/bin/gnuplot"
  private static var isThere: Bool { FileManager.default.isExecutableFile(atPath: gnuplot) }

  /// Runs a script and gives its SVG.
  private static func draw(_ script: String, _ output: URL, _ inputs: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: gnuplot)
    process.arguments =
      ["-c", Command.root.appending(path: "Bench/Plots/\(script).gp").path, output.path] + inputs
    process.environment = ["LC_ALL": "C.UTF-8"]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(text == "")
    let image = try Data(contentsOf: output.appendingPathExtension("png"))
    #expect(image.starts(with: [0x89, 0x50, 0x4E, 0x47]) && image.count > 1000)
    let svg = output.appendingPathExtension("svg")
    return try String(contentsOf: svg, encoding: .utf8)
  }

  @Test(
    .enabled(if: isThere, "gnuplot is not installed"),
    arguments: [
      (
        "bandwidth",
        ["bulk", "-n", "2", "--warmup", "0", "-s", "4K..16K", "--operation", "both", "--csv"],
        ["PUT, checksums off", "PUT, checksums on", "GET, checksums off", "GET, checksums on"]
      ),
      (
        "latency",
        [
          "message", "-n", "20", "--warmup", "0", "--rounds", "1", "-s", "0,64,1K", "--operation",
          "both", "--csv",
        ],
        [
          "PUT half round trip, p50", "PUT half round trip, p99", "GET round trip, p50",
          "GET round trip, p99",
        ]
      ),
      (
        "spectrum", ["message", "-n", "20", "--warmup", "0", "--rate", "1000", "--hgrm"], ["input"]
      ),
    ])
  func everySeriesIsDrawn(script: String, arguments: [String], titles: [String]) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "plots-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let input = folder.appending(path: script == "spectrum" ? "input.hgrm" : "input.csv").path
    let result = try await Command.run(["bench"] + arguments + [input, "--force"])
    #expect(result.status == 0, "\(result.error)")
    let svg = try Self.draw(script, folder.appending(path: "plot"), [input])
    for title in titles { #expect(svg.contains(">\(title)<"), "\(title)") }
    // A curve is a path of the plot's own group that has more than its legend's stroke in it.
    let groups = svg.components(separatedBy: "id=\"gnuplot_plot_").dropFirst()
    #expect(groups.count == titles.count)
    for group in groups { #expect(group.components(separatedBy: "<use ").count > 2, "\(group)") }
  }
}
