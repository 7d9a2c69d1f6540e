internal import ArgumentParser

struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure connections, messages, RPCs and bulk data between two nodes.",
    discussion: """
      With a NID, against a node that runs there (`verbena node`); the active end says all that the other must know. \
      Without one, both ends run in this process, a thread each, on an emulated fabric. Ctrl-C once ends the \
      measurement and prints what there is, twice ends at once.
      """,
    subcommands: [
      BenchConnect.self, BenchMessage.self, BenchBulk.self, BenchRPC.self, BenchStorm.self,
      BenchStormServer.self,
    ])
}
