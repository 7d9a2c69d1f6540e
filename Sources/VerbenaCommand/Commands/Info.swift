internal import ArgumentParser
internal import BenchKit
internal import VerbsTransport

struct Info: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what this machine offers, and for each thing missing the line that fixes it.",
    discussion: "Ends with status 0 whatever it finds.",
    subcommands: [InfoConfig.self])

  @Option(name: [.customShort("p"), .long], help: Setting.service.help) var service: String?
  @OptionGroup(title: "Output") var output: JSONFlags

  func run() async throws {
    let flags = output.flags.merging(typed([Setting.service.name: service])) { $1 }
    let settings = try Settings([.json, .service], flags: flags, environment: Resolved.environment)
    var report = InfoReport(
      service: settings.integer(.service), isVerbsBuilt: VerbsTransport.isAvailable)
    VerbsSurvey.complete(&report)
    try Results.write(report.text, json: report.json, settings)
  }
}
