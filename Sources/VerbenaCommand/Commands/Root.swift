internal import ArgumentParser

struct VerbenaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verbena",
    abstract: "Lustre's network protocol in user space: nodes, pings and transfers over RDMA.",
    discussion: """
      A node of Verbena has one or more LNet NIDs, such as 10.0.0.1@o2ib, and talks o2iblnd with other \
      nodes of Verbena or with Lustre's own. It uses an RDMA device (InfiniBand, RoCE, soft-RoCE), or, \
      with --fabric NAME, an emulated fabric that joins the processes of one host and needs no device and no \
      privilege.

      To see it work, without a device, in two terminals:
        verbena node --fabric demo --bind 10.0.0.1
        verbena ping --fabric demo 10.0.0.1@o2ib

      Every flag can also be set by a variable, which its help names, and many by a YAML file (--config). A flag \
      counts before a variable, a variable before the file, the file before the default; `verbena info config` \
      shows each value and where it came from.

      Results go to standard output, everything else to standard error. Exit status: 0 success; 1 the operation \
      failed; 2 some of several failed; 64 wrong usage; 69 no device, or peer unreachable; 70 internal error; 75 timed \
      out; 77 something that the machine must offer is missing; 130 interrupted, the result so far printed.
      """,
    version: "0.1.0",
    subcommands: [
      Info.self, NodeCommand.self, Serve.self, Mount.self, Connect.self, ImportCommand.self,
      ExportCommand.self, TargetCommand.self, LockCommand.self, ObjectCommand.self,
      Ping.self, Discover.self, ClusterCommand.self, Bench.self, Decode.self,
    ])
}
