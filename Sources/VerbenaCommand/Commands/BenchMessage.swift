internal import ArgumentParser
internal import BenchKit

struct BenchMessage: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "message",
    abstract: "Latency and rate of LNet messages.",
    discussion: """
      Messages are sent and taken by programs on the nodes' loops, without a task, a thread or the library's public calls \
      between; the table of the public API has what `Node.put` (to its ACK) and `Node.get` cost a task that awaits them \
      one by one, up to 10000 of each. \
      Latency of a PUT is half a round trip of PUTs without ACK, of a GET a whole one. The floor is what one 64-byte line \
      each way costs between two threads of this host, measured in turns with the messages; the last columns \
      are how many times the floor a message costs. With a rate, whole round trips are measured, and from when each should \
      have begun, so that one that is late makes those behind it late too.
      """)

  @Argument(help: "The NID to measure against.") var nid: String?
  @OptionGroup(title: "Load") var load: LoadFlags<MessageLoad>
  @Option(help: Setting.rounds.help) var rounds: String?
  @OptionGroup var common: BenchGroups

  func run() async throws {
    try await BenchRun(
      "message", nid: nid, own: MessageRun.settings, typed: typed([Setting.rounds.name: rounds]),
      [load, common]
    ).message()
  }
}
