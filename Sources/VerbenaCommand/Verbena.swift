internal import ArgumentParser

@main
struct VerbenaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verbena",
    abstract: "Lustre's connection protocol in user space, over RDMA.")
}
