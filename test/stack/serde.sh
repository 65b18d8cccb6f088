# Apicurio's protobuf deserializer with Kafka's Java client, for consumers written in Java.

serde_version=3.1.7

# The Kotlin library is named because what the deserializer asks for by itself is older than what a part of it was built with.
serde_install() {
  cat >"$1/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>muster.stack</groupId>
  <artifactId>serde</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.apicurio</groupId><artifactId>apicurio-registry-protobuf-serde-kafka</artifactId><version>$serde_version</version>
    </dependency>
    <dependency>
      <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-stdlib</artifactId><version>2.2.21</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version>
    </dependency>
  </dependencies>
</project>
POM
  maven copy-dependencies -f "$1/pom.xml" -DincludeScope=runtime "-DoutputDirectory=$1/libs"
}

# java-serde FILE.java ARGUMENT...: runs a program of one file with the deserializer.
write_serde() {
  write_wrapper java-serde java "${java_options[@]}" -Xmx256m -cp "$(component_dir serde)/libs/*"
}
