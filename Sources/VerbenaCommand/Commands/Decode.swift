internal import ArgumentParser

struct Decode: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the LNet and o2iblnd messages of a capture.")

  @Argument(help: "A capture file (pcap) with RoCEv2 packets.") var file: String

  func run() async throws {}
}
