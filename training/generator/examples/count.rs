use generator::{rng::Rng, scene::Palette, things::*};
use std::time::Instant;
fn main(){ let mut r=Rng::new(5); let mut p=Palette::default();
 let mut run=|n:&str,f:&mut dyn FnMut(&mut Rng,&mut Palette)->generator::mesh::Mesh|{ let t=Instant::now(); let mut k=0; for _ in 0..20 {k+=f(&mut r,&mut p).tris.len();} println!("{n} {} tris {:.2} ms",k/20,t.elapsed().as_secs_f64()*50.0);};
 run("car",&mut|r,p|car::any(r,p,false)); run("moto",&mut|r,p|cycle::motorcycle(r,p,false)); run("bike",&mut|r,p|cycle::bicycle(r,p));
 for c in [0.014,0.022,0.03,0.05,0.07]{ run(&format!("person {c}"),&mut|r,p|{let q=person::Pose::any(r); person::person(r,p,&q,c)});}
 run("house",&mut|r,p|building::house(r,p,12.0,8.0,false)); run("tree420",&mut|r,p|plant::tree(r,p,8.0,420)); run("bush",&mut|r,p|plant::bush(r,p,1.0,300));
 run("shelf",&mut|r,p|furniture::shelf(r,p)); run("any furn",&mut|r,p|furniture::any(r,p)); run("street",&mut|r,p|building::street_thing(r,p,false)); run("animal .03",&mut|r,p|animal::any(r,p,1.0,0.03)); run("grass",&mut|r,p|plant::grass(r,p,0.5,0.2,70));run("fence40",&mut|r,p|building::fence(r,p,40.0));}
