//! Commands on places, as lines and replies.

use crate::testing::check_script;

const SICILY: &str = r#"
    GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => :2
    GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2 => :2
"#;

#[test]
fn places_and_distances() {
    check_script(&format!(
        r#"{SICILY}
        ZSCORE g Palermo => "3479099956230698"
        GEODIST g Palermo Catania => "166274.1516"
        GEODIST g Palermo Catania km => "166.2742"
        GEODIST g Palermo nope => nil
        GEODIST g Palermo Catania x => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEOHASH g Palermo nope Catania => ["sqc8b49rny0" nil "sqdtr74hyu0"]
        GEOPOS g Palermo nope => [["13.361389338970184" "38.1155563954963"] nil]
        GEOADD g 200 0 x => -ERR invalid longitude,latitude pair 200.000000,0.000000
        GEOADD g NX XX 1 1 x => -ERR syntax error
        GEOADD g XX CH 13 38 Palermo => :1
        "#
    ));
}

#[test]
fn searches() {
    check_script(&format!(
        r#"{SICILY}
        GEORADIUS g 15 37 200 km WITHDIST ASC => [["Catania" "56.4413"] ["Palermo" "190.4424"]]
        GEORADIUSBYMEMBER g Palermo 100 km => ["Palermo" "edge1"]
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD COUNT 1 => [["Catania" ["15.087267458438873" "37.50266842333162"]]]
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 10 km WITHHASH => [["Palermo" :3479099956230698]]
        GEOSEARCH g BYPOLYGON 4 12 37 16 37 16 39 12 39 WITHDIST ASC => [["Palermo" "56987.4933"] ["Catania" "111411.0839"] ["edge1" "138085.5878"]]
        GEOSEARCH g BYPOLYGON 2 12 37 16 37 ASC => -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
        GEOSEARCH g BYPOLYGON 3 12 37 16 37 16 39 FROMMEMBER Palermo => -ERR syntax error
        GEOSEARCH g FROMMEMBER nope BYRADIUS 1 m => -ERR could not decode requested zset member
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m ANY => -ERR the ANY argument requires COUNT argument
        GEOSEARCH g FROMMEMBER Palermo ASC ASC ASC => -ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH
        GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST => :2
        ZRANGE d 0 -1 => ["Catania" "Palermo"]
        GEORADIUS g 15 37 200 km WITHDIST STORE d => -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEORADIUS g 15 37 1 m STORE d => :0
        EXISTS d => :0
        GEORADIUS_RO g 15 37 1 m STORE d => -ERR syntax error
        "#
    ));
}
