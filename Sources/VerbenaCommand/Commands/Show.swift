internal import ArgumentParser
internal import BenchKit
internal import LustreWire
internal import Verbena

/// What `import show`, `export show` and `target show` have in common.
struct ShowFlags: ParsableArguments {
  @Option(help: Setting.watch.help) var watch: String?
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags

  func show(_ what: ConnectionsText) async throws {
    let settings = try Settings(
      [.watch], flags: typed([Setting.watch.name: watch]), environment: Resolved.environment)
    guard let owner = try RunningNodes.owner(of: Resolved.node([node, tunables])) else {
      throw CommandFailure(
        .unavailable, "no node of this user runs here, or none has that address: see --bind")
    }
    let pause = settings.nanoseconds(.watch)
    let interruption = Interruption()
    let (requests, source) = AsyncStream.makeStream(of: Void.self)
    try await interruption.whileWatching(onRequest: { source.yield() }) {
      let showing = Task {
        repeat {
          let request = ControlRequest(words: [what.rawValue, "show"])
          switch try ControlClient.ask(owner, request, timeoutMilliseconds: 10_000) {
          case .text(let text): Streams.output(text)
          case .failure(_, let explanation): throw CommandFailure(.failed, explanation)
          }
          // A signal ends the pause.
          if pause > 0 { try? await Task.sleep(for: .nanoseconds(Int64(pause))) }
        } while pause > 0 && !interruption.isRequested
      }
      let ending = Task {
        for await _ in requests { break }
        showing.cancel()
      }
      defer { ending.cancel() }
      try await showing.value
    }
    if interruption.isRequested { throw CommandFailure(.interrupted, "interrupted") }
  }
}

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "The connections of a running node to targets.",
    subcommands: [ImportShow.self])
}

struct ImportShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print them as lctl get_param prints imports, with their states."
  )
  @OptionGroup var flags: ShowFlags
  func run() async throws { try await flags.show(.imports) }
}

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "The clients of a running node's targets.",
    subcommands: [ExportShow.self])
}

struct ExportShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print them as lctl get_param prints exports.")
  @OptionGroup var flags: ShowFlags
  func run() async throws { try await flags.show(.exports) }
}

struct LockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "The locks of a running node: granted and held.",
    subcommands: [LockShow.self])
}

struct LockShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print them: what they cover, in which mode, who holds them.")
  @OptionGroup var flags: ShowFlags
  func run() async throws { try await flags.show(.locks) }
}

struct TargetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "target", abstract: "The targets of a running node.",
    subcommands: [TargetShow.self])
}

struct TargetShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print them, whether they are open and how many clients they have.")
  @OptionGroup var flags: ShowFlags
  func run() async throws { try await flags.show(.targets) }
}
