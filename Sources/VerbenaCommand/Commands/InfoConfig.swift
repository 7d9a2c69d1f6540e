internal import ArgumentParser
internal import BenchKit

struct InfoConfig: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Show each setting, its value and where the value came from.",
    discussion: """
      Takes the flags of a node, reads the same variables and the same file, and starts nothing.
      """)

  @Flag(help: "Print a configuration file that gives these values again.") var yaml = false
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags
  @OptionGroup(title: "Output") var output: JSONFlags

  func run() async throws {
    let report = try ConfigReport([node, tunables, log, output])
    if yaml { return Streams.output(try report.yaml) }
    try Results.write(report.text, json: report.json, report.output)
  }
}
