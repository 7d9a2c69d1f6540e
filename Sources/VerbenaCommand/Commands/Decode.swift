internal import ArgumentParser
internal import BenchKit

struct Decode: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the o2iblnd, LNet and PtlRPC messages of a capture, one line each.",
    discussion: """
      Reads a pcap file of RoCEv2 packets, as tcpdump and tshark write it on an RDMA interface, and puts messages \
      together from their segments. A line has the frame, the time in seconds since the first frame, sender and \
      receiver, the message and what matters of it: of RPCs the opcode, the result, names, flags, locks, \
      objects and logs. Ends with status 2 when some bytes were not what they should be.
      """)

  @Argument(help: "The capture file (pcap).", completion: .file(extensions: ["pcap"]))
  var file: String
  @Flag(name: .shortAndLong, help: "Show every field. (default: off)") var verbose = false
  @OptionGroup(title: "Output") var output: JSONFlags

  func run() async throws {
    let settings = try Resolved.settings([.json], [output])
    var listing = try CaptureListing(path: file)
    if let path = settings.optionalText(.json) {
      try Streams.write(listing.json().text + "\n", to: path)
    } else {
      listing.writeLines(isVerbose: verbose, to: Streams.output)
    }
    guard listing.errorCount == 0 else {
      throw CommandFailure(
        .partial, "\(listing.errorCount) of \(listing.messageCount) records are errors")
    }
  }
}
