internal import ArgumentParser
internal import BenchKit
internal import Connections
internal import LustreWire
internal import Verbena

struct Connect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connect to one target, show what was proposed and granted, and leave.",
    discussion: """
      Ends with status 1 when the target refuses, with its errno by name. A client connects to any target; the roles \
      osp and lwp are those of servers.
      """)

  @Argument(
    help: "The NIDs of the target's node, with commas between; of its other nodes, behind colons.")
  var nid: String
  @Argument(help: "The target: MGS, lfs-MDT0000, lfs-OST0000.") var target: String
  @Option(help: Setting.role.help) var role: String?
  @Option(help: Setting.deadline.help) var deadline: String?
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, log]
    let settings = try Settings(
      [.role, .deadline],
      flags: typed([Setting.role.name: role, Setting.deadline.name: deadline]),
      environment: Resolved.environment)
    try Resolved.startLog(groups)
    let peers = try Targets.ofTarget(nid)
    let uuid = try Targets.named(target).uuid
    var plan = try NodePlan(Resolved.node(groups), isTransient: true)
    plan.beClient(mounts: 1, timing: .fast)
    let node = try await plan.startLustre { NoProgram() }
    do throws(NodeError) {
      let made = try await node.node.connect(
        to: uuid, at: peers, role: ConnectionRole(rawValue: settings.text(.role)),
        timeout: .nanoseconds(Int64(settings.nanoseconds(.deadline))), isPatient: false)
      Streams.output(try await made.negotiation())
      await made.disconnect()
    } catch {
      await node.stop()
      throw CommandFailure(error)
    }
    await node.stop()
  }
}
