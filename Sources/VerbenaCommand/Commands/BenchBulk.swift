internal import ArgumentParser
internal import BenchKit

struct BenchBulk: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulk",
    abstract: "Bandwidth of bulk data: LNet PUTs and GETs, or WRITEs and READs of objects.",
    discussion: """
      LNet's transfers are begun and ended by programs on the nodes' loops, not by the library's public calls; objects' \
      by tasks that await them. \
      A PUT ends when its data is written into the other node's memory and the sender's is free, a GET when the data is \
      here. With checksums, every transfer has other data, the sender computes a checksum and the receiver holds the \
      data against it; one wrong byte is a failure. With a rate, times count \
      from when each transfer should have begun, so that one that is late makes those behind it late too.
      """)

  @Argument(help: "The NID to measure against.") var nid: String?
  @OptionGroup(title: "Load") var load: LoadFlags<BulkLoad>
  @Option(help: Setting.checksum.help) var checksum: String?
  @Option(help: Setting.benchObjects.help) var objects: String?
  @OptionGroup var common: BenchGroups

  func run() async throws {
    let flags = typed([
      Setting.checksum.name: checksum, Setting.benchObjects.name: objects,
    ])
    let bench = try BenchRun(
      "bulk", nid: nid, own: BulkRun.settings, typed: flags, [load, common])
    if let target = bench.settings.optionalText(.benchObjects) {
      try await bench.objects(on: target)
    } else {
      try await bench.bulk()
    }
  }
}
