internal import BenchKit

/// Puts a result where the flags want it.
enum Results {
  /// Writes the text to standard output, and the JSON where `--json` says; `--json -` replaces the text.
  static func write(_ text: @autoclosure () -> String, json: JSONValue, _ settings: Settings)
    throws(OutputError)
  {
    let path = settings.optionalText(.json)
    if path != "-" { Streams.output(text()) }
    if let path { try Streams.write(json.text + "\n", to: path) }
  }

  /// Fails before anything is measured where a result could not be written in the end.
  static func check(_ settings: Settings) throws(OutputError) {
    for setting in [Setting.json, .csv, .hgrm] {
      guard let path = settings.optionalText(setting), path != "-" else { continue }
      try Streams.check(path)
    }
  }

  /// Writes a benchmark's report in every form that was asked for, and warns of what makes it say less.
  static func write(_ report: BenchReport, _ settings: Settings) throws(OutputError) {
    if !settings.isOn(.force) {
      for warning in report.environment.warnings { Streams.error("verbena: warning: \(warning)\n") }
    }
    let json = settings.optionalText(.json)
    let csv = settings.optionalText(.csv)
    if json != "-", csv != "-" {
      Streams.output(settings.isOn(.quiet) ? report.lastLine : report.text)
    }
    if let json { try Streams.write(report.json.text + "\n", to: json) }
    if let csv { try Streams.write(report.csv, to: csv) }
    if let path = settings.optionalText(.hgrm) {
      for (path, text) in report.spectra(path: path) { try Streams.write(text, to: path) }
    }
  }
}
