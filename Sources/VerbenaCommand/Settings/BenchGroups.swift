internal import ArgumentParser
internal import BenchKit

/// The forms of a benchmark's result, and what all benchmarks take.
struct BenchFlags: FlagGroup {
  @Option(help: Setting.json.help, completion: .file()) var json: String?
  @Option(help: Setting.csv.help, completion: .file()) var csv: String?
  @Option(help: Setting.hgrm.help, completion: .file()) var hgrm: String?
  @Flag(help: Setting.quiet.help) var quiet = false
  @Flag(name: [.customShort("F"), .long], help: Setting.force.help) var force = false
  @Option(name: .shortAndLong, help: Setting.connectionType.help) var connection: String?
  @Option(help: Setting.deadline.help) var deadline: String?
  @Option(help: Setting.interval.help) var interval: String?

  var flags: [String: String] {
    typed([
      Setting.json.name: json, Setting.csv.name: csv, Setting.hgrm.name: hgrm,
      Setting.quiet.name: quiet ? "1" : nil, Setting.force.name: force ? "1" : nil,
      Setting.connectionType.name: connection, Setting.deadline.name: deadline,
      Setting.interval.name: interval,
    ])
  }

  static let settings: [Setting] = [
    .json, .csv, .hgrm, .quiet, .force, .connectionType, .deadline, .interval,
  ]
}

/// What all benchmarks take that may have a node elsewhere.
struct BenchGroups: FlagGroup {
  @OptionGroup(title: "Result") var result: BenchFlags
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  var flags: [String: String] { Resolved.flags([result, node, tunables, log]) }
}

/// The forms of a benchmark's result alone.
struct ReportFlags: FlagGroup {
  @Option(help: Setting.json.help, completion: .file()) var json: String?
  @Option(help: Setting.csv.help, completion: .file()) var csv: String?
  @Option(help: Setting.hgrm.help, completion: .file()) var hgrm: String?
  @Flag(help: Setting.quiet.help) var quiet = false
  @Flag(name: [.customShort("F"), .long], help: Setting.force.help) var force = false

  var flags: [String: String] {
    typed([
      Setting.json.name: json, Setting.csv.name: csv, Setting.hgrm.name: hgrm,
      Setting.quiet.name: quiet ? "1" : nil, Setting.force.name: force ? "1" : nil,
    ])
  }

  static let settings: [Setting] = [.json, .csv, .hgrm, .quiet, .force]
}

/// What benchmarks of data call by the same names, each with defaults of its own.
protocol BenchLoad {
  static var size: Setting { get }
  static var iterations: Setting { get }
  static var inFlight: Setting { get }
  static var warmup: Setting { get }
}

enum MessageLoad: BenchLoad {
  static let size = Setting.messageSize
  static let iterations = Setting.iterations
  static let inFlight = Setting.inFlight
  static let warmup = Setting.warmup
}

enum BulkLoad: BenchLoad {
  static let size = Setting.bulkSize
  static let iterations = Setting.bulkIterations
  static let inFlight = Setting.bulkInFlight
  static let warmup = Setting.bulkWarmup
}

/// What is sent, how often and how much of it at a time.
struct LoadFlags<Load: BenchLoad>: FlagGroup {
  @Option(name: .shortAndLong, help: Load.size.help) var size: String?
  @Option(name: [.customShort("n"), .long], help: Load.iterations.help) var iterations: String?
  @Option(name: [.customShort("D"), .long], help: Setting.duration.help) var duration: String?
  @Option(name: [.customShort("q"), .long], help: Setting.queuePairs.help) var queuePairs: String?
  @Option(help: Load.inFlight.help) var inFlight: String?
  @Option(help: Load.warmup.help) var warmup: String?
  @Option(help: Setting.operation.help) var operation: String?
  @Option(help: Setting.rate.help) var rate: String?

  var flags: [String: String] {
    typed([
      Load.size.name: size, Load.iterations.name: iterations, Setting.duration.name: duration,
      Setting.queuePairs.name: queuePairs, Load.inFlight.name: inFlight, Load.warmup.name: warmup,
      Setting.operation.name: operation, Setting.rate.name: rate,
    ])
  }

  static var settings: [Setting] {
    [
      Load.size, Load.iterations, .duration, .queuePairs, Load.inFlight, Load.warmup, .operation,
      .rate,
    ]
  }
}

/// A load as the settings say.
struct LoadPlan {
  let byteCounts: [Int]
  /// More than anybody has time for, where the duration alone is to end it.
  let iterations: Int
  let warmup: Int
  let inFlight: Int
  let durationNanoseconds: UInt64
  /// 0 for none.
  let ratePerSecond: Int
  let measuresPut: Bool
  let measuresGet: Bool

  init<Load: BenchLoad>(_ settings: Settings, of load: Load.Type) {
    byteCounts = settings.byteCounts(Load.size)
    durationNanoseconds = settings.nanoseconds(.duration)
    let isTimed = durationNanoseconds > 0 && settings.origin(Load.iterations) == .standard
    iterations = isTimed ? BenchPhase.countMax : settings.integer(Load.iterations)
    warmup = settings.integer(Load.warmup)
    inFlight = settings.integer(Load.inFlight)
    ratePerSecond = settings.integer(.rate)
    measuresPut = settings.text(.operation) != "get"
    measuresGet = settings.text(.operation) != "put"
  }

  /// For reports.
  var count: (name: String, value: String) {
    var limits = iterations < BenchPhase.countMax ? ["\(iterations)"] : []
    if durationNanoseconds > 0 { limits.append(Quantity.text(nanoseconds: durationNanoseconds)) }
    return ("count", limits.joined(separator: " or ") + " after \(warmup) to warm up")
  }
}
